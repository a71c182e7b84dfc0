#include "henb-x2sec/app/adapters.h"

#include "common/status.h"
#include "henb-x2sec/app/absent_ports.h"
#include "henb-x2sec/guard/nft_guard.h"
#include "henb-x2sec/revocation/curl_fetcher.h"
#include "henb-x2sec/xfrm/xfrm_kernel.h"
#if X2SEC_WITH_IPSEC && X2SEC_WITH_CMP
#include "henb-x2sec/enrol/cmp_enroller.h"
#include "henb-x2sec/enrol/envelope.h"
#endif
#if X2SEC_WITH_KEYDIST
#include "henb-x2sec/keydist_client/key_service_client.h"
#endif
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
    ASSIGN_OR_RETURN_CTX(auto database, nss::NssCertificateStore::Open(config.nssdb), "NSS database");
    adapters.device_keys = database.get();
    adapters.decryption = database.get();
    adapters.certificates = std::move(database);
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
  auto fetcher = std::make_unique<revocation::CurlFetcher>();
  adapters.stop_fetches = [fetcher = fetcher.get()] { fetcher->Stop(); };
  adapters.fetcher = std::move(fetcher);
  RETURN_IF_ERROR(AddIpsec(config, adapters));
  return adapters;
}

#if X2SEC_WITH_IPSEC && X2SEC_WITH_CMP
namespace {

/// The enroller together with the vendor key that it borrows.
class OwningEnroller final : public core::Enroller {
 public:
  OwningEnroller(core::DeviceKeyStore& keys, common::SecretBytes vendor_key, const common::Clock& clock,
                 std::string state)
      : vendor_key_(std::move(vendor_key)),
        enroller_({.keys = keys, .vendor_key = vendor_key_, .clock = clock, .state_path = std::move(state)}) {}
  absl::StatusOr<core::Enrolled> Enrol(const core::EnrolRequest& request) override { return enroller_.Enrol(request); }
  bool Unfinished() const override { return enroller_.Unfinished(); }
  absl::Status Kept() override { return enroller_.Kept(); }
  void Stop() override { enroller_.Stop(); }

 private:
  enrol::EncodedSigningKey vendor_key_;
  enrol::CmpEnroller enroller_;
};

}  // namespace

void AddEnroller(const Config& config, const Credentials& credentials, const common::Clock& clock, Adapters& adapters) {
  if (!config.with_cmp || adapters.device_keys == nullptr) return;
  adapters.enroller = std::make_unique<OwningEnroller>(*adapters.device_keys, credentials.vendor_key_pem().Clone(),
                                                       clock, config.state_dir + "/enrolment.json");
}
EnvelopeOpener MakeEnvelopeOpener(const Config& config, const Adapters& adapters) {
  if (!config.with_cmp || adapters.decryption == nullptr) return nullptr;
  return
      [keys = adapters.decryption](const std::string& der, const common::Certificate& device,
                                   const std::string& ckaid) { return enrol::OpenEnvelope(der, device, ckaid, *keys); };
}
#else
EnvelopeOpener MakeEnvelopeOpener(const Config&, const Adapters&) { return nullptr; }
void AddEnroller(const Config&, const Credentials&, const common::Clock&, Adapters&) {}
#endif

#if X2SEC_WITH_KEYDIST
void AddKeyService(const Config& config, const Credentials& credentials, common::Random& random, Adapters& adapters) {
  if (!config.with_keydist || !config.keydist_address || credentials.operator_roots().empty()) return;
  keydist_client::ClientOptions options;
  options.address = *config.keydist_address;
  options.server_name = config.keydist_server_name;
  for (const common::Certificate& root : credentials.operator_roots()) options.operator_root_pem += root.pem();
  options.deadline = config.keydist_deadline;
  keydist_client::ClientCredentials shown;
  shown.certificate_pem = credentials.vendor().certificate.pem();
  for (const common::Certificate& certificate : credentials.vendor().intermediates) {
    shown.certificate_pem += certificate.pem();
  }
  shown.key_pem = credentials.vendor_key_pem().Clone();
  adapters.key_service =
      std::make_unique<keydist_client::KeyServiceClient>(std::move(options), std::move(shown), random);
}
#else
void AddKeyService(const Config&, const Credentials&, common::Random&, Adapters&) {}
#endif

}  // namespace henb::x2sec::app
