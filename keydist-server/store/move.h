// A service moved from its SQLite file to etcd, while it serves (R49).
#pragma once

#include "common/clock.h"
#include "common/random.h"
#include "keydist-server/store/etcd_store.h"
#include "keydist-server/store/sqlite_store.h"

namespace henb::keydist::store {

struct Moved {
  std::size_t henbs = 0;  ///< Removed ones too.
  std::size_t pairs = 0;
  std::size_t epochs = 0;
  std::uint64_t revision = 0;  ///< The last of `from`; the new store's are above it.
};

/// Copies everything, roots as they are sealed, while `from` goes on; then `from` takes no writes for a moment, in
/// which what changed meanwhile follows; then it is marked as moved, durably, and hands out nothing any more; then the
/// new store opens; then the roots in `from` are destroyed. So there is never a moment in which both stores hand out
/// keys.
///
/// Blocks. May be repeated after whatever broke it off, and after its success. FailedPrecondition: the etcd holds a
/// service already. Unavailable: etcd; `from` goes on as before, unless it says that it has been marked.
[[nodiscard]] absl::StatusOr<Moved> MoveToEtcd(SqliteStore& from, EtcdStore::Options to, const common::Clock& clock,
                                               common::Random& random);

}  // namespace henb::keydist::store
