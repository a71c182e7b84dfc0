// The port to certificate enrolment (CMPv2, RFC 4210; TS 33.310 clause 9).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "common/ip_address.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

/// Which operator root may be taken from the RA/CA's answer, beside those that the device has (R27, R61).
struct RootTerms {
  std::vector<common::SpkiHash> pinned;
  /// Late binding: the root that a cross-certificate of `vendor_roots` leads to, named by its key or by its subject DN.
  std::optional<common::SpkiHash> bound_spki;
  std::string bound_subject;
  std::vector<common::Certificate> vendor_roots;
  [[nodiscard]] bool none() const { return pinned.empty() && !bound_spki.has_value() && bound_subject.empty(); }
};

/// How the device came by an operator root.
enum class RootSource { kProvisioned, kPinned, kLateBinding };
[[nodiscard]] constexpr std::string_view NameOf(RootSource source) {
  return source == RootSource::kPinned ? "PINNED" : source == RootSource::kLateBinding ? "LATE_BINDING" : "PROVISIONED";
}
[[nodiscard]] constexpr std::optional<RootSource> RootSourceOf(std::string_view name) {
  for (const RootSource each : {RootSource::kProvisioned, RootSource::kPinned, RootSource::kLateBinding}) {
    if (NameOf(each) == name) return each;
  }
  return std::nullopt;
}

/// R39: the network element manager that carries requests to the RA/CA.
struct NemTerms {
  std::string url;                                ///< https://host[:port]
  std::optional<common::IpAddress> address;       ///< Of its host, where that is a name.
  std::vector<common::Certificate> server_roots;  ///< Its TLS certificate ends at one of them.
};

struct EnrolRequest {
  common::HenbId identity;
  std::string server_url;                           ///< http://address:port/path
  std::string recipient;                            ///< Subject DN of the RA/CA ("/O=…/CN=…").
  std::vector<common::Certificate> vendor_chain;    ///< Leaf first.
  std::vector<common::Certificate> operator_roots;  ///< May be empty where `root_terms` let one in.
  RootTerms root_terms;
  /// Not empty: renewal by kur (R32) of this operator certificate, leaf first, whose key is in the device's key store
  /// and stays there. One that is not valid now can't sign: then the vendor certificate enrols anew.
  std::vector<common::Certificate> current_chain;
  /// Set: a first request (ir) is protected by this symmetric credential instead of the vendor key (R36; RFC 4210
  /// §5.1.3.1), its reference value is `identity`, and the answers must be. Called for the length of one attempt.
  std::function<absl::StatusOr<common::SecretBytes>()> mac_secret;
  std::optional<NemTerms>
      nem;  ///< Then neither server_url nor recipient is used, and a renewal is as a first enrolment.
  bool require_pkiconf = true;
  bool allow_implicit_confirm = false;
  absl::Duration message_timeout = absl::Seconds(20);
  absl::Duration total_timeout = absl::Minutes(5);
};

struct Enrolled {
  common::Certificate certificate;
  std::vector<common::Certificate> intermediates;
  common::Certificate anchor;  ///< The operator root its path ends at.
  RootSource anchor_source = RootSource::kProvisioned;
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
  /// An Enrol was cut off (R34): the next one goes on with it, or, where the CA had confirmed, answers with what it
  /// brought.
  [[nodiscard]] virtual bool Unfinished() const { return false; }
  /// What Enrol answered is durable where the caller needs it: it is not kept for another start any more.
  [[nodiscard]] virtual absl::Status Kept() { return absl::OkStatus(); }
  /// For the program's end, from any thread: an Enrol that waits for the CA's operators ends soon, with Cancelled.
  virtual void Stop() {}
};

}  // namespace henb::x2sec::core
