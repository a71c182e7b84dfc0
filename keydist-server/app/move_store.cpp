#include "keydist-server/app/move_store.h"

#include <future>

#include "common/status.h"
#include "keydist-server/app/open_store.h"

namespace henb::keydist::app {
namespace {

absl::StatusOr<EtcdConfig> Target(const Config& config) {
  if (config.path.empty()) return config.etcd;
  ASSIGN_OR_RETURN(Config reread, LoadConfig(config.path));
  return std::move(reread.etcd);
}

}  // namespace

absl::StatusOr<store::Moved> MoveStore(const Config& config, store::Store& from, store::AuditLog& audit,
                                       const common::Clock& clock, common::Random& random) {
  auto* const sqlite = dynamic_cast<store::SqliteStore*>(&from);
  if (sqlite == nullptr) return absl::FailedPreconditionError("this service is in etcd already");
  ASSIGN_OR_RETURN(const EtcdConfig target, Target(config));
  if (target.endpoints.empty()) {
    return absl::FailedPreconditionError("store.etcd of the configuration does not say where to");
  }
  ASSIGN_OR_RETURN(store::EtcdStore::Options options, LoadEtcd(target));
  ASSIGN_OR_RETURN(const store::Moved moved, store::MoveToEtcd(*sqlite, std::move(options), clock, random));
  domain::AuditRecord record;
  record.at = clock.Now();
  record.event = "moved";
  record.actor = "operator";
  record.detail = common::StrCat("to etcd: ", moved.henbs, " HeNBs, ", moved.pairs, " pairs, ", moved.epochs,
                                 " epochs, above revision ", moved.revision);
  std::promise<absl::Status> durable;
  audit.Append(record, [&durable](absl::Status status) { durable.set_value(std::move(status)); });
  RETURN_IF_ERROR_CTX(durable.get_future().get(), "done, but not audited");
  return moved;
}

}  // namespace henb::keydist::app
