// The port to certificate enrolment (CMPv2, RFC 4210; TS 33.310 clause 9).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/henb_id.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

struct EnrolRequest {
  common::HenbId identity;
  std::string server_url;                         ///< http://address:port/path
  std::string recipient;                          ///< Subject DN of the RA/CA ("/O=…/CN=…").
  std::vector<common::Certificate> vendor_chain;  ///< Leaf first.
  std::vector<common::Certificate> operator_roots;
  /// Not empty: renewal by kur (R32) of this operator certificate, leaf first, whose key is in the device's key store
  /// and stays there. One that is not valid now can't sign: then the vendor certificate enrols anew.
  std::vector<common::Certificate> current_chain;
  bool require_pkiconf = true;
  bool allow_implicit_confirm = false;
  absl::Duration message_timeout = absl::Seconds(20);
  absl::Duration total_timeout = absl::Minutes(5);
};

struct Enrolled {
  common::Certificate certificate;
  std::vector<common::Certificate> intermediates;
  common::Certificate anchor;  ///< The operator root its path ends at.
  common::SecretBytes
      private_key_pkcs8;  ///< To the certificate store, then wiped. Empty: the key is in the store already.
  std::string ckaid;      ///< Set when key and certificate are in the store already.
};

/// Blocking, on a worker thread, one at a time. Unavailable: RA/CA not reachable (retry with jitter); DeadlineExceeded;
/// PermissionDenied: the CA refused; FailedPrecondition: its answer does not hold (wrong path, name, key, validity,
/// SHA-1…), the rejection was sent. The message begins with the stable event name that the log shows.
class Enroller {
 public:
  virtual ~Enroller() = default;
  [[nodiscard]] virtual absl::StatusOr<Enrolled> Enrol(const EnrolRequest& request) = 0;
  /// For the program's end, from any thread: an Enrol that waits for the CA's operators ends soon, with Cancelled.
  virtual void Stop() {}
};

}  // namespace henb::x2sec::core
