// A request of this device at the network element manager (docs/nem.md).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/clock.h"
#include "common/random.h"
#include "henb-x2sec/enrol/https_exchange.h"

namespace henb::x2sec::enrol {

/// Owns nothing; one thread. Errors begin with an event's name (cmp_events.h). Nothing that the NEM says is believed
/// but "not yet" and "no": the certificate is the caller's to check.
class NemSession {
 public:
  struct Parts {
    HttpsExchange& https;
    std::string url;  ///< https://host[:port]
    const common::Clock& clock;
    common::Random& random;
    absl::Duration total_timeout;
    std::function<bool(absl::Duration)> wait;  ///< False: the program ends.
  };
  explicit NemSession(Parts parts) : parts_(std::move(parts)) {}

  /// Uploads the PKCS#10 (the same one again is the same request there) and asks until the NEM has its certificate:
  /// that one first, then what leads from it to a root. Unavailable: not reachable, an HTTP error, later;
  /// DeadlineExceeded: nem.timeout, or nem.still_waiting when total_timeout is over; PermissionDenied nem.refused: this
  /// request gets nothing; FailedPrecondition: untrusted server, an answer that is too large or malformed; Cancelled.
  [[nodiscard]] absl::StatusOr<std::vector<common::Certificate>> Fetch(const std::string& pkcs10);
  /// What became of the certificate; an empty reason: it is installed.
  [[nodiscard]] absl::Status Tell(const std::string& pkcs10, const std::string& reason);

 private:
  absl::Status Upload(const std::string& pkcs10);
  [[nodiscard]] std::string PlaceOf(const std::string& pkcs10) const;
  const Parts parts_;
};

}  // namespace henb::x2sec::enrol
