#include "henb-x2sec/app/adapters.h"

#include <filesystem>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/absent_ports.h"
#include "henb-x2sec/device_key/store_backed_key.h"
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
#include "henb-x2sec/nss/module_list.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "henb-x2sec/pluto/secret_file.h"
#include "henb-x2sec/pluto/whack_daemon.h"
#endif

namespace henb::x2sec::app {
namespace {

#if X2SEC_WITH_IPSEC
/// pluto has to load its module as well.
std::optional<nss::TokenSettings> TokenOf(const Config& config) {
  if (!config.token) return std::nullopt;
  const auto added = nss::AddModule(config.nssdb, config.token->module);
  if (!added.ok()) {
    common::LogAlarm("token.module_not_registered", {{"module", config.token->module}, {"error", added.status()}});
  } else if (*added) {
    common::LogWarning("token.module_registered", {{"module", config.token->module}, {"nssdb", config.nssdb}});
  }
  return nss::TokenSettings{config.token->module, config.token->label,
                            [token = *config.token] { return ReadTokenPin(token); }};
}

/// Whether a process has the library mapped. None: it can't be looked at.
std::optional<bool> HasLoaded(const std::string& pid_file, const std::string& library) {
  const auto pid = common::ReadFile(pid_file, 32);
  if (!pid.ok()) return std::nullopt;
  const auto maps = common::ReadFile(common::StrCat("/proc/", pid->substr(0, pid->find('\n')), "/maps"));
  if (!maps.ok()) return std::nullopt;
  std::error_code ignored;
  const std::string real = std::filesystem::canonical(library, ignored).string();
  return maps->find(real.empty() ? library : real) != std::string::npos;
}

TokenView LookAtToken(const Config& config, core::CertificateStore& store) {
  TokenView out;
  out.usable = store.Keys().status();
  const auto listed = nss::HasModule(config.nssdb, config.token->module);
  out.registered = listed.status();
  if (listed.ok() && !*listed) {
    out.registered = absl::NotFoundError(
        common::StrCat("the NSS database ", config.nssdb, " does not list the module ", config.token->module));
  }
  out.in_pluto = HasLoaded(config.pluto_rundir + "/pluto.pid", config.token->module);
  TokenConfig plutos = *config.token;
  plutos.pin_file = TokenConfig::kPlutosPinFile;
  out.pin_for_pluto = ReadTokenPin(plutos).status();
  return out;
}
#endif

absl::Status AddIpsec([[maybe_unused]] const Config& config, Adapters& adapters) {
#if X2SEC_WITH_IPSEC
  if (config.with_ipsec) {
    pluto::WhackDaemonOptions whack;
    whack.whack = config.whack;
    whack.control_socket = config.pluto_rundir + "/pluto.ctl";
    whack.secrets_path = config.secrets_file;
    adapters.ike = std::make_unique<pluto::WhackDaemon>(std::move(whack), *adapters.runner);
    ASSIGN_OR_RETURN_CTX(auto database, nss::NssCertificateStore::Open(config.nssdb, {}, TokenOf(config)),
                         "NSS database");
    adapters.device_keys = database.get();
    adapters.decryption = database.get();
    if (config.token) adapters.look_at_token = [store = database.get(), config] { return LookAtToken(config, *store); };
    adapters.key_engine = std::make_unique<device_key::KeyEngine>(*database);
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
  OwningEnroller(core::DeviceKeyStore& keys, std::unique_ptr<enrol::SigningKey> vendor_key, const common::Clock& clock,
                 std::string state)
      : vendor_key_(std::move(vendor_key)),
        enroller_({.keys = keys, .vendor_key = *vendor_key_, .clock = clock, .state_path = std::move(state)}) {}
  absl::StatusOr<core::Enrolled> Enrol(const core::EnrolRequest& request) override { return enroller_.Enrol(request); }
  bool Unfinished() const override { return enroller_.Unfinished(); }
  absl::Status Kept() override { return enroller_.Kept(); }
  void Stop() override { enroller_.Stop(); }

 private:
  std::unique_ptr<enrol::SigningKey> vendor_key_;
  enrol::CmpEnroller enroller_;
};

}  // namespace

void AddEnroller(const Config& config, const Credentials& credentials, const common::Clock& clock, Adapters& adapters) {
  if (!config.with_cmp || adapters.device_keys == nullptr) return;
  std::unique_ptr<enrol::SigningKey> vendor_key;
  if (config.token) {
    vendor_key = std::make_unique<enrol::StoredSigningKey>(*adapters.device_keys);
  } else {
    vendor_key = std::make_unique<enrol::EncodedSigningKey>(credentials.vendor_key_pem().Clone());
  }
  adapters.enroller = std::make_unique<OwningEnroller>(*adapters.device_keys, std::move(vendor_key), clock,
                                                       config.state_dir + "/enrolment.json");
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
namespace {

/// What the device proves itself with to the key service (docs/configuration.md, keydist.certificate).
const Credential& ShownToKeyService(const Config& config, const Credentials& credentials, absl::Time now) {
  const bool enrolled = config.keydist_shows_operator && credentials.Enrolled(now);
  return enrolled ? *credentials.operator_credential() : credentials.vendor();
}

keydist_client::ClientCredentials ForGrpc(const Credential& credential, const Credentials& credentials,
                                          const device_key::KeyEngine* keys) {
  keydist_client::ClientCredentials shown;
  shown.certificate_pem = credential.certificate.pem();
  for (const common::Certificate& certificate : credential.intermediates) shown.certificate_pem += certificate.pem();
  const bool from_file = &credential == &credentials.vendor() && !credentials.vendor_key_pem().empty();
  // By the certificate: the key may not have been found yet. The client asks again for one that is not to be had.
  const auto ckaid = device_key::CkaidOf(credential.certificate);
  if (from_file || keys == nullptr || !ckaid.ok()) {
    shown.key_pem = credentials.vendor_key_pem().Clone();
  } else {
    shown.key_pem = common::SecretBytes::CopyOf(keys->NameOf(*ckaid));
  }
  return shown;
}

}  // namespace

void AddKeyService(const Config& config, const Credentials& credentials, const common::Clock& clock,
                   common::Random& random, Adapters& adapters) {
  if (!config.with_keydist || !config.keydist_address || credentials.operator_roots().empty()) return;
  keydist_client::ClientOptions options;
  options.address = *config.keydist_address;
  options.server_name = config.keydist_server_name;
  for (const common::Certificate& root : credentials.operator_roots()) options.operator_root_pem += root.pem();
  options.deadline = config.keydist_deadline;
  const auto shown = std::make_shared<std::string>();  // the certificate, DER
  const auto what = [shown, keys = adapters.key_engine.get(), &config](const Credentials& held, absl::Time now) {
    const Credential& credential = ShownToKeyService(config, held, now);
    *shown = credential.certificate.der();
    return ForGrpc(credential, held, keys);
  };
  auto client =
      std::make_unique<keydist_client::KeyServiceClient>(std::move(options), what(credentials, clock.Now()), random);
  adapters.show_to_key_service = [client = client.get(), shown, what, &config](const Credentials& held,
                                                                               absl::Time now) {
    const Credential& credential = ShownToKeyService(config, held, now);
    if (*shown == credential.certificate.der()) return;
    common::LogInfo("key.service_certificate", {{"subject", credential.certificate.subject()},
                                                {"issuer", credential.certificate.issuer()},
                                                {"serial", credential.certificate.serial_hex()}});
    client->UpdateCredentials(what(held, now));
  };
  adapters.key_service = std::move(client);
}
#else
void AddKeyService(const Config&, const Credentials&, const common::Clock&, common::Random&, Adapters&) {}
#endif

}  // namespace henb::x2sec::app
