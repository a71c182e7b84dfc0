// The port to the operator's RA/CA, as nem-gateway asks it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/random.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/enrol/cmp_transport.h"
#include "henb-x2sec/enrol/pkcs10.h"

namespace henb::x2sec::nem {

struct RaAnswer {
  absl::StatusOr<enrol::CertifiedPath> path;  ///< Errors as core::Enroller::Enrol.
  /// Valid at the RA/CA though it was not accepted: it confirmed without being asked to.
  std::optional<common::Certificate> left_at_ca{};
};

/// One question after the other; one thread at a time. Blocking.
class RaClient {
 public:
  virtual ~RaClient() = default;
  /// `keep` is called when the certificate holds, before the RA/CA is told; its error rejects the certificate.
  [[nodiscard]] virtual RaAnswer Ask(const enrol::Pkcs10& pkcs10,
                                     const std::function<absl::Status(const enrol::CertifiedPath&)>& keep) = 0;
  [[nodiscard]] virtual absl::Status Revoke(const common::Certificate& certificate) = 0;
};
using RaClientFactory = std::function<absl::StatusOr<std::unique_ptr<RaClient>>()>;

/// p10cr → cp → certConf → pkiConf (RFC 4210 §5.3.4), signed with the NEM's own credential; the checks are those of a
/// device's own enrolment. The connection is kept between questions.
class CmpRaClient final : public RaClient {
 public:
  struct Settings {
    std::string url;
    std::string recipient;
    std::vector<common::Certificate> operator_roots;
    std::vector<common::Certificate> chain;  ///< The NEM's certificate first.
    enrol::EvpKey key;
    absl::Duration message_timeout = absl::Seconds(20);
    absl::Duration total_timeout = absl::Minutes(5);
    /// Waits where the RA/CA says waiting; false when the program ends.
    std::function<bool(absl::Duration)> wait;
  };
  /// InvalidArgument: url or recipient. `clock` and `random` are borrowed.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<RaClient>> Create(Settings settings, const common::Clock& clock,
                                                                        common::Random& random);

  RaAnswer Ask(const enrol::Pkcs10& pkcs10,
               const std::function<absl::Status(const enrol::CertifiedPath&)>& keep) override;
  absl::Status Revoke(const common::Certificate& certificate) override;

 private:
  CmpRaClient(Settings settings, std::unique_ptr<enrol::CmpTransport> transport, enrol::OpensslPtr<X509_NAME> recipient,
              const common::Clock& clock, common::Random& random);
  const Settings settings_;
  const std::unique_ptr<enrol::CmpTransport> transport_;
  const enrol::OpensslPtr<X509_NAME> recipient_;
  const common::Clock& clock_;
  common::Random& random_;
};

}  // namespace henb::x2sec::nem
