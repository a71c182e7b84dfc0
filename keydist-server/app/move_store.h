// keydistctl migrate: the running service's SQLite store moved to the etcd that the configuration names.
#pragma once

#include "common/clock.h"
#include "common/random.h"
#include "keydist-server/app/config.h"
#include "keydist-server/store/audit_log.h"
#include "keydist-server/store/move.h"

namespace henb::keydist::app {

/// Reads [store.etcd] anew from the file that `config` came from, moves `from` there (store/move.h) and writes the
/// audit record "moved". Blocks. FailedPrecondition: no SQLite store, nowhere to go, or a service is there.
/// InvalidArgument: the file, or one that it names.
[[nodiscard]] absl::StatusOr<store::Moved> MoveStore(const Config& config, store::Store& from, store::AuditLog& audit,
                                                     const common::Clock& clock, common::Random& random);

}  // namespace henb::keydist::app
