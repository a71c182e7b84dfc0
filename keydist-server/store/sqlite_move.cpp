// SqliteStore's part in a move to another store.
#include "common/status.h"
#include "keydist-server/store/sqlite_store.h"

namespace henb::keydist::store {

using common::SqliteStatement;
using common::SqliteTransaction;

absl::Status SqliteStore::Following() const {
  if (!moved_) return absl::OkStatus();
  return absl::FailedPreconditionError("the service was moved to etcd; this store hands out nothing any more");
}

absl::Status SqliteStore::Begin(SqliteTransaction* transaction) {
  RETURN_IF_ERROR(Following());
  if (frozen_) return absl::UnavailableError("the service is being moved to etcd: say it again there, in a moment");
  return transaction->Begin();
}

absl::StatusOr<std::uint64_t> SqliteStore::MoveId(common::Random& random) {
  const std::lock_guard lock(mutex_);
  SqliteStatement read(database_, "SELECT value FROM meta WHERE name='move_id'");
  ASSIGN_OR_RETURN(const bool row, read.Step());
  if (row) return read.Number(0);
  const std::uint64_t id = random.Below(std::uint64_t{1} << 62) + 1;
  SqliteStatement write(database_, "INSERT INTO meta VALUES('move_id', ?)");
  RETURN_IF_ERROR(write.Bind(id).Run());
  return id;
}

void SqliteStore::Freeze(bool frozen) {
  const std::lock_guard lock(mutex_);
  frozen_ = frozen;
}

absl::Status SqliteStore::MarkMoved() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(database_.Execute("INSERT OR REPLACE INTO meta VALUES('moved', 1)"));
  moved_ = true;
  return absl::OkStatus();
}

absl::Status SqliteStore::ForgetRoots() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(database_.Execute("UPDATE epoch SET sealed=x'' WHERE length(sealed) > 0"));
  return CutLog();
}

}  // namespace henb::keydist::store
