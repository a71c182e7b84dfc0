// What the control interface shows, as plain values: no protobuf, no gRPC. Field names and meanings are those of
// `--json` (docs/x2secctl.md). An empty optional is printed as null. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace henb::x2sec::control {

/// The pinned outbound SA and its inbound twin.
struct EspView {
  std::optional<std::uint32_t> spi_in;
  std::optional<std::uint32_t> spi_out;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::optional<std::string> suite;
  friend bool operator==(const EspView&, const EspView&) = default;
};

/// The peer's certificate that the link was authenticated with.
struct CertificateView {
  std::string serial;  ///< Hexadecimal.
  std::string issuer;
  absl::Time not_after;
  friend bool operator==(const CertificateView&, const CertificateView&) = default;
};

struct LinkView {
  std::string neighbour;
  std::string state;                      ///< BLOCKED, ENROLLING, KEYING, UP_CERT, UP_PSK, UP_TRUSTED or FAILED.
  std::string decision;                   ///< The final one: CERT (also while it enrols), PSK, TRUSTED or BLOCK.
  std::optional<std::string> method;      ///< CERT_SAME_CA, CERT_ENROLLED, PSK or TRUSTED.
  std::optional<std::string> rule;        ///< Absent when no rule matched.
  std::string reason;                     ///< Why it was decided so.
  std::optional<std::string> last_error;  ///< Why it is not up, or why the last key change failed.
  std::optional<std::uint64_t> policy_version;
  std::optional<std::string> local_ike_id;
  std::optional<std::string> peer_ike_id;
  std::optional<std::uint64_t> epoch;       ///< PSK links.
  std::optional<std::uint32_t> generation;  ///< PSK links: this HeNB's own.
  std::optional<std::uint32_t> reqid;
  std::optional<absl::Time> since;  ///< When it entered its state.
  std::optional<EspView> esp;
  std::optional<CertificateView> certificate;
  std::optional<bool> quantum_safe;
  friend bool operator==(const LinkView&, const LinkView&) = default;
};

/// What a replace changed, by identity.
struct NeighbourChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;
};

enum class PushOutcome { kApplied, kUnchanged, kWouldApply };

/// A link whose decision the policy changes.
struct PolicyLinkChange {
  std::string neighbour;
  std::string decision_before;  ///< CERT, ENROL, PSK, TRUSTED or BLOCK.
  std::string decision_after;
  std::string rule_before;  ///< Empty where no rule matches; so is rule_after.
  std::string rule_after;
  std::string reason_after;
};

struct PolicyPushResult {
  std::uint64_t version = 0;
  std::string sha256;  ///< Of the policy's JSON, hexadecimal.
  PushOutcome outcome = PushOutcome::kApplied;
  std::vector<PolicyLinkChange> changes;
};

struct PolicyView {
  std::uint64_t version = 0;
  std::string operator_name;
  std::string sha256;
  std::string signer;  ///< Subject of the configuration certificate.
  absl::Time not_before;
  absl::Time not_after;
  absl::Time applied_at;
  bool in_force = false;  ///< Inside its dates.
  std::string json;       ///< The policy as signed.
};

/// One push, accepted or refused, newest first.
struct PolicyHistoryEntry {
  absl::Time at;
  std::optional<std::uint64_t> version;  ///< Absent when it could not be read.
  std::optional<std::string> sha256;
  std::string result;  ///< APPLIED, UNCHANGED or REFUSED.
  std::string detail;  ///< Why it was refused; else empty.
};

struct CredentialView {
  std::string kind;  ///< VENDOR, OPERATOR or OPERATOR_ROOT.
  std::string subject;
  std::string issuer;
  std::string serial;  ///< Hexadecimal.
  std::string spki_sha256;
  absl::Time not_before;
  absl::Time not_after;
  std::string key_store;             ///< Where the private key lives: FILES_AND_NSS or PKCS11; NONE of a root.
  std::optional<std::string> ckaid;  ///< As pluto picks it.
  std::string origin{};              ///< FILE, ENROLLED; a root's: FILE, PROVISIONED, PINNED, LATE_BINDING.
};

struct EnrolmentStep {
  absl::Time at;
  std::string step;  ///< Stable event name.
  bool ok = false;
  std::string detail;
};

struct EnrolmentView {
  std::string state;  ///< NONE, RUNNING, ENROLLED or FAILED.
  std::optional<std::string> server;
  std::optional<std::string> transport;  ///< BACKHAUL, INITIAL_IPSEC or DIRECT.
  std::optional<absl::Time> next_attempt;
  std::optional<CertificateView> certificate;
  std::optional<absl::Time> renewal_due;  ///< Of `certificate`.
  std::vector<EnrolmentStep> steps;       ///< Of the last enrolment, oldest first.
};

/// A finished key change.
struct RotateReport {
  std::optional<std::uint32_t> spi_out_before;
  std::optional<std::uint32_t> spi_out_after;
  absl::Duration took;
};

struct DoctorFinding {
  std::string check;  ///< Stable name, such as "backhaul.reqid".
  bool ok = false;
  std::string detail;
  std::string remedy;  ///< What to do; empty when ok.
};

}  // namespace henb::x2sec::control
