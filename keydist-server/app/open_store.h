// The store that the configuration names.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/random.h"
#include "keydist-server/app/config.h"
#include "keydist-server/store/etcd_store.h"

namespace henb::keydist::app {

/// How the etcd of `config` is reached, with what its files hold. InvalidArgument names the file.
[[nodiscard]] absl::StatusOr<store::EtcdStore::Options> LoadEtcd(const EtcdConfig& config);

/// Unavailable: etcd does not answer, or the SQLite file cannot be opened; others as SqliteStore::Open and
/// EtcdStore::Open. `clock` and `random` outlive the store.
[[nodiscard]] absl::StatusOr<std::unique_ptr<store::Store>> OpenStore(const Config& config, const common::Clock& clock,
                                                                      common::Random& random);

}  // namespace henb::keydist::app
