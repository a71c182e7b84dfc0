// SqliteStore's epochs and the KEK that their roots are sealed under.
#include "common/status.h"
#include "keydist-server/store/sqlite_store.h"

namespace henb::keydist::store {

using common::SqliteStatement;
using common::SqliteTransaction;

absl::StatusOr<std::uint64_t> SqliteStore::CreateEpoch(const StoredEpoch& epoch) {
  const std::lock_guard lock(mutex_);
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(Begin(&transaction));
  {
    SqliteStatement read(database_, "SELECT ifnull(max(number), 0) FROM epoch");
    ASSIGN_OR_RETURN(const bool row, read.Step());
    const std::uint64_t highest = row ? read.Number(0) : 0;
    if (epoch.number > 0 && epoch.number <= highest) {
      return absl::AlreadyExistsError(common::StrCat("epoch ", epoch.number, " has been made"));
    }
    if (epoch.number != highest + 1) {
      return absl::FailedPreconditionError(common::StrCat("epoch ", epoch.number, " does not follow epoch ", highest));
    }
  }
  ASSIGN_OR_RETURN(const std::optional<StoredKek> kek, ReadKek());
  if (kek && !IsSealedUnder(*kek, epoch.sealed)) return absl::AbortedError("another KEK is in force");
  SqliteStatement write(database_, "INSERT INTO epoch VALUES(?, ?, ?)");
  write.Bind(epoch.number).Bind(static_cast<std::uint64_t>(absl::ToUnixMicros(epoch.activates))).BindBlob(epoch.sealed);
  RETURN_IF_ERROR(write.Run());
  return Finish(&transaction,
                domain::EpochMark{.number = epoch.number, .activates = epoch.activates, .destroyed = false});
}

absl::StatusOr<std::uint64_t> SqliteStore::DestroyEpochRoot(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  absl::StatusOr<std::uint64_t> revision = absl::UnknownError("");
  {
    SqliteTransaction transaction(database_);
    RETURN_IF_ERROR(Begin(&transaction));
    domain::EpochMark mark{.number = number, .activates = {}, .destroyed = true};
    bool destroyed = false;
    {
      SqliteStatement read(database_, "SELECT activates_us, length(sealed) FROM epoch WHERE number=?");
      ASSIGN_OR_RETURN(const bool row, read.Bind(number).Step());
      if (!row) return absl::NotFoundError(common::StrCat("no epoch ", number));
      mark.activates = absl::FromUnixMicros(static_cast<std::int64_t>(read.Number(0)));
      destroyed = read.Number(1) == 0;
    }
    if (destroyed) {
      revision = ReadRevision();
    } else {
      SqliteStatement write(database_, "UPDATE epoch SET sealed=x'' WHERE number=?");
      RETURN_IF_ERROR(write.Bind(number).Run());
      revision = Finish(&transaction, mark);
    }
  }
  RETURN_IF_ERROR(revision.status());
  RETURN_IF_ERROR(CutLog());
  return revision;
}

absl::Status SqliteStore::CutLog() {
  // It is written back first. Busy never happens with the one connection that this store has.
  return database_.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

absl::StatusOr<std::vector<StoredEpoch>> SqliteStore::Epochs() {
  const std::lock_guard lock(mutex_);
  return ReadEpochs();
}

absl::StatusOr<std::vector<StoredEpoch>> SqliteStore::ReadEpochs() {
  std::vector<StoredEpoch> epochs;
  SqliteStatement read(database_, "SELECT number, activates_us, sealed FROM epoch ORDER BY number");
  while (true) {
    ASSIGN_OR_RETURN(const bool row, read.Step());
    if (!row) return epochs;
    epochs.push_back({.number = read.Number(0),
                      .activates = absl::FromUnixMicros(static_cast<std::int64_t>(read.Number(1))),
                      .sealed = std::string(read.Bytes(2))});
  }
}

absl::StatusOr<std::optional<StoredKek>> SqliteStore::ReadKek() {
  SqliteStatement read(database_, "SELECT id, since_us FROM kek");
  ASSIGN_OR_RETURN(const bool row, read.Step());
  if (!row) return std::optional<StoredKek>();
  if (read.Bytes(0).size() != domain::kKekIdSize) return absl::DataLossError("the KEK in force has no id");
  return StoredKek{.id = std::string(read.Bytes(0)),
                   .since = absl::FromUnixMicros(static_cast<std::int64_t>(read.Number(1)))};
}

absl::StatusOr<std::optional<StoredKek>> SqliteStore::KekInForce() {
  const std::lock_guard lock(mutex_);
  return ReadKek();
}

absl::Status SqliteStore::SetKek(const std::optional<StoredKek>& before, const StoredKek& after,
                                 const std::vector<ResealedRoot>& roots) {
  const std::lock_guard lock(mutex_);
  {
    SqliteTransaction transaction(database_);
    RETURN_IF_ERROR(Begin(&transaction));
    ASSIGN_OR_RETURN(const std::optional<StoredKek> kek, ReadKek());
    ASSIGN_OR_RETURN(const std::vector<StoredEpoch> epochs, ReadEpochs());
    if (kek != before || !AreTheLiveRoots(epochs, roots)) return absl::AbortedError("changed meanwhile");
    for (const ResealedRoot& root : roots) {
      SqliteStatement write(database_, "UPDATE epoch SET sealed=? WHERE number=?");
      RETURN_IF_ERROR(write.BindBlob(root.after).Bind(root.epoch).Run());
    }
    SqliteStatement write(database_, "INSERT OR REPLACE INTO kek VALUES(1, ?, ?)");
    write.BindBlob(after.id).Bind(static_cast<std::uint64_t>(absl::ToUnixMicros(after.since)));
    RETURN_IF_ERROR(write.Run());
    RETURN_IF_ERROR(transaction.Commit());
  }
  return CutLog();
}

}  // namespace henb::keydist::store
