// keydist-server --restore: a backup made the store of a service that is not running.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/clock.h"
#include "keydist-server/app/config.h"
#include "keydist-server/domain/backup.h"

namespace henb::keydist::app {

struct Restored {
  std::size_t henbs = 0;
  std::size_t pairs = 0;
  std::uint64_t last_epoch = 0;  ///< The next one made is above it.
};

/// Fills the empty store of `config` from the backup at `path`, all of it or nothing, and writes the audit record
/// "restored". The audit file, where there is one, is asked for the highest epoch that it names. InvalidArgument: the
/// file cannot be read, is damaged (with its line), or its records do not fit `options`. FailedPrecondition: the store
/// is not empty. Unavailable: a server is running on it, or etcd does not answer. With etcd the audit files of other
/// replicas are not at hand: `options` says what they name.
[[nodiscard]] absl::StatusOr<Restored> Restore(const Config& config, const std::string& path,
                                               const domain::RestoreOptions& options, const common::Clock& clock);

}  // namespace henb::keydist::app
