#include "keydist-server/app/open_store.h"

#include "common/file.h"
#include "common/status.h"
#include "keydist-server/app/credentials.h"
#include "keydist-server/store/sqlite_store.h"

namespace henb::keydist::app {

absl::StatusOr<store::EtcdStore::Options> LoadEtcd(const EtcdConfig& config) {
  store::EtcdStore::Options options{.endpoints = {}, .prefix = config.prefix, .most_silence = config.silence};
  options.endpoints.addresses = config.endpoints;
  options.endpoints.deadline = config.deadline;
  ASSIGN_OR_RETURN(options.endpoints.ca_pem, common::ReadFile(config.ca));
  RETURN_IF_ERROR_CTX(common::Certificate::ChainFromPem(options.endpoints.ca_pem).status(), config.ca);
  ASSIGN_OR_RETURN(KeyPair own, LoadKeyPair(config.certificate, config.key));
  options.endpoints.certificate_pem = std::move(own.certificate_pem);
  options.endpoints.key_pem = std::move(own.key_pem);
  return options;
}

absl::StatusOr<std::unique_ptr<store::Store>> OpenStore(const Config& config, const common::Clock& clock,
                                                        common::Random& random) {
  if (config.backend == StoreBackend::kSqlite) return store::SqliteStore::Open(config.state_dir + "/keydist.db");
  ASSIGN_OR_RETURN(store::EtcdStore::Options options, LoadEtcd(config.etcd));
  return store::EtcdStore::Open(std::move(options), clock, random);
}

}  // namespace henb::keydist::app
