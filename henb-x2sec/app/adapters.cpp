#include "henb-x2sec/app/adapters.h"

#include "common/status.h"
#include "henb-x2sec/app/absent_ports.h"
#include "henb-x2sec/guard/nft_guard.h"
#include "henb-x2sec/xfrm/xfrm_kernel.h"
#if X2SEC_WITH_IPSEC
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "henb-x2sec/pluto/secret_file.h"
#include "henb-x2sec/pluto/whack_daemon.h"
#endif

namespace henb::x2sec::app {
namespace {

absl::Status AddIpsec([[maybe_unused]] const Config& config, Adapters& adapters) {
#if X2SEC_WITH_IPSEC
  if (config.with_ipsec) {
    pluto::WhackDaemonOptions whack;
    whack.whack = config.whack;
    whack.control_socket = config.pluto_rundir + "/pluto.ctl";
    whack.secrets_path = config.secrets_file;
    adapters.ike = std::make_unique<pluto::WhackDaemon>(std::move(whack), *adapters.runner);
    ASSIGN_OR_RETURN_CTX(adapters.certificates, nss::NssCertificateStore::Open(config.nssdb), "NSS database");
    ASSIGN_OR_RETURN_CTX(adapters.secrets, pluto::SecretFile::Open({.path = config.secrets_file}), "secrets file");
    adapters.ipsec = true;
    return absl::OkStatus();
  }
#endif
  adapters.ike = std::make_unique<AbsentIkeDaemon>();
  adapters.certificates = std::make_unique<AbsentCertificateStore>();
  adapters.secrets = std::make_unique<AbsentSecretStore>();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Adapters> MakeAdapters(const Config& config) {
  Adapters adapters;
  adapters.runner = std::make_unique<common::SystemProcessRunner>();
  ASSIGN_OR_RETURN_CTX(adapters.kernel, xfrm::XfrmKernel::Open(config.ports), "XFRM");
  ASSIGN_OR_RETURN_CTX(adapters.guard, guard::NftGuard::Open(*adapters.runner), "nftables");
  RETURN_IF_ERROR(AddIpsec(config, adapters));
  return adapters;
}

absl::Status AddEnroller(const Config&, const Credentials&, const common::Clock&, Adapters&) { return absl::OkStatus(); }
absl::Status AddKeyService(const Config&, const Credentials&, Adapters&) { return absl::OkStatus(); }

}  // namespace henb::x2sec::app
