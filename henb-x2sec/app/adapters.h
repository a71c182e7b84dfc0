// The real adapters behind the ports, as far as this build and configuration have them.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/process_runner.h"
#include "common/random.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/credentials/provisioner.h"
#include "henb-x2sec/app/doctor.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/device_decryption.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "henb-x2sec/core/ports/enroller.h"
#include "henb-x2sec/core/ports/guard.h"
#include "henb-x2sec/core/ports/http_fetcher.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/core/ports/key_service.h"
#include "henb-x2sec/core/ports/secret_store.h"
#include "henb-x2sec/device_key/key_engine.h"

namespace henb::x2sec::app {

/// Owns the adapters. What is left out or off is a stand-in that refuses (IKE, certificates, secrets) or null (the
/// rest).
struct Adapters {
  std::unique_ptr<common::ProcessRunner> runner;
  std::unique_ptr<core::KernelIpsec> kernel;
  std::unique_ptr<core::Guard> guard;
  bool ipsec = false;  ///< The next three are real.
  std::unique_ptr<core::IkeDaemon> ike;
  std::unique_ptr<core::CertificateStore> certificates;
  core::DeviceKeyStore* device_keys = nullptr;              ///< The certificate store's other face; none without IPsec.
  core::DeviceDecryption* decryption = nullptr;             ///< Where the vendor key is; none without IPsec.
  std::function<std::optional<TokenView>()> look_at_token;  ///< Where keys are in one. Any thread; blocks.
  std::unique_ptr<device_key::KeyEngine> key_engine;        ///< Its keys for gRPC. Ends after `key_service`.
  std::unique_ptr<core::SecretStore> secrets;
  std::unique_ptr<core::Enroller> enroller;       ///< After AddEnroller.
  std::unique_ptr<core::KeyService> key_service;  ///< After AddKeyService.
  /// Shows the key service what the configuration and the credentials say now; does nothing where it shows that
  /// already. Loop thread.
  std::function<void(const Credentials& credentials, absl::Time now)> show_to_key_service = [](const auto&, auto) {};
  std::unique_ptr<core::HttpFetcher> fetcher;
  std::function<void()> stop_fetches;  ///< Any thread.
};

/// FailedPrecondition, NotFound or PermissionDenied with the part that cannot be had.
[[nodiscard]] absl::StatusOr<Adapters> MakeAdapters(const Config& config);
/// They need the device's credentials, which need the certificate store. Nothing is added where they are left out, off
/// or not configured. What is borrowed outlives `adapters`.
void AddEnroller(const Config& config, const Credentials& credentials, const common::Clock& clock, Adapters& adapters);
/// Opens what was encrypted to this device; none without CMP or IPsec.
[[nodiscard]] EnvelopeOpener MakeEnvelopeOpener(const Config& config, const Adapters& adapters);
void AddKeyService(const Config& config, const Credentials& credentials, const common::Clock& clock,
                   common::Random& random, Adapters& adapters);

}  // namespace henb::x2sec::app
