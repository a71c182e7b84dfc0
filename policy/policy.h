// The policy as a plain value: what henb.policy.v1.Policy (proto/) says, read by LoadPolicy, judged by Validate, used
// by Decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "common/ip_address.h"
#include "policy/enrolment.h"
#include "policy/suite.h"

namespace henb::policy {

enum class Kind : std::uint8_t { kHenb = 1, kEnb = 2 };
/// TS 36.300 (HeNB access modes).
enum class AccessMode : std::uint8_t { kClosed = 1, kHybrid = 2, kOpen = 3 };

/// Ways to secure a link, as a rule lists them. kBlock is for rules that shut a link; like kTrusted it is a rule's only
/// method.
enum class Method : std::uint8_t { kCertSameCa = 1, kCertEnrolled = 2, kPsk = 3, kTrusted = 4, kBlock = 5 };

/// What can go wrong with a method at run time. Moves on to the next method only where the rule's fallback_on lists it
/// (R7).
enum class FailureKind : std::uint8_t {
  kAuthenticationFailed = 1,  ///< AUTHENTICATION_FAILED (RFC 7296 §2.21).
  kCertificateRejected = 2,   ///< The peer's certificate, its path, name or anchor.
  kRevoked = 3,
  kRevocationUnavailable = 4,  ///< No fresh CRL or OCSP answer.
  kNoProposalChosen = 5,
  kChildRefused = 6,  ///< TS_UNACCEPTABLE and the like.
  kNoAnswer = 7,
  kEnrolmentRefused = 8,  ///< The RA/CA refused, or its answer did not hold.
  kEnrolmentUnreachable = 9,
  kKeyDenied = 10,  ///< The key service refuses this pair.
  kKeyServiceUnreachable = 11,
};

enum class Mode : std::uint8_t { kTunnel = 1, kTransport = 2 };
enum class RevocationMode : std::uint8_t { kStrict = 1, kGrace = 2, kSoft = 3 };
/// R41: strict blocks without fresh news, grace after `grace` without, soft never.
struct Revocation {
  RevocationMode mode = RevocationMode::kGrace;
  absl::Duration grace = absl::Hours(24);
  friend bool operator==(const Revocation&, const Revocation&) = default;
};

/// One HeNB id, or "*.site.example": every id that ends in ".site.example" (one label or more before it, as RFC 4592
/// §2.1.1).
class IdPattern {
 public:
  IdPattern() = default;
  /// InvalidArgument quotes the text.
  [[nodiscard]] static absl::StatusOr<IdPattern> Parse(std::string_view text);
  [[nodiscard]] bool Matches(const common::HenbId& id) const {
    const std::string& text = id.str();
    if (!wildcard_) return text == text_;
    return text.size() > text_.size() && std::string_view(text).ends_with(text_);
  }
  /// Every id that `other` matches is matched.
  [[nodiscard]] bool Covers(const IdPattern& other) const;
  [[nodiscard]] std::string ToString() const { return wildcard_ ? "*" + text_ : text_; }
  friend bool operator==(const IdPattern&, const IdPattern&) = default;

 private:
  std::string text_;  // Of a wildcard: what follows the star.
  bool wildcard_ = false;
};

/// Fields are joined by AND, items of a list by OR; an empty list means any (in JSON: absent).
struct Match {
  std::vector<IdPattern> neighbours;
  std::vector<Kind> kinds;
  std::vector<std::string> interfaces;
  std::vector<common::Cidr> networks;  ///< Every X2 address of the neighbour lies in one; of a BLOCK rule: any address.
  std::vector<common::SpkiHash> issuers;  ///< Trust anchor of the neighbour's certificate.
  std::vector<std::uint32_t> csg_ids;     ///< The neighbour's (TS 36.300).
  std::vector<AccessMode> access_modes;   ///< The neighbour's.
  std::optional<bool> same_csg;           ///< The neighbour's CSG id equals (or differs from) this HeNB's; both known.
  friend bool operator==(const Match&, const Match&) = default;
};

struct Rule {
  std::string id;
  Match match;
  std::vector<Method> methods = {Method::kCertSameCa, Method::kCertEnrolled};
  std::vector<FailureKind> fallback_on;
  std::vector<Suite> suites = DefaultSuites();
  Mode mode = Mode::kTunnel;
  std::optional<Revocation> revocation;         ///< Absent: the policy's revocation_default.
  absl::Duration max_sa_age = absl::Hours(24);  ///< Since the last authentication; key changes come at half of it.
  std::uint32_t replay_window = 2048;           ///< Packets (R12, R21).
  friend bool operator==(const Rule&, const Rule&) = default;

  [[nodiscard]] bool blocks() const { return methods.size() == 1 && methods.front() == Method::kBlock; }
};

struct Backhaul {
  bool trusted = false;  ///< R55: key-distribution traffic may leave outside IPsec.
  std::string interface;
  friend bool operator==(const Backhaul&, const Backhaul&) = default;
};

struct Policy {
  static constexpr std::uint32_t kSchema = 1;

  std::uint32_t schema = kSchema;
  std::string operator_name;  ///< "operator" on the wire.
  std::vector<IdPattern> audience;
  std::uint64_t version = 0;
  absl::Time not_before = absl::InfiniteFuture();
  absl::Time not_after = absl::InfinitePast();
  std::vector<Rule> rules;  ///< Ordered; the first match wins; none: BLOCK.
  std::optional<Enrolment> enrolment;
  Revocation revocation_default;
  Backhaul backhaul;
  friend bool operator==(const Policy&, const Policy&) = default;
};

/// The longest max_sa_age of any rule: how long past not_after something of this policy may still run.
[[nodiscard]] absl::Duration LongestSaAge(const Policy& policy);

/// Whether some rule lists PSK: else this device never contacts a key service (R4).
[[nodiscard]] bool MentionsPsk(const Policy& policy);

}  // namespace henb::policy
