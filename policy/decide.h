// The decision: which way for this neighbour (R1–R10).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/digest.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::policy {

enum class Outcome : std::uint8_t { kBlock = 0, kCert = 1, kEnrol = 2, kPsk = 3, kTrusted = 4 };
enum class WaitingFor : std::uint8_t { kSelf = 1, kPeer = 2 };
/// What can be left out at build time and switched off at run time (R3).
enum class Feature : std::uint8_t { kNone = 0, kIpsec = 1, kCmpv2 = 2, kKeydist = 3 };

/// The first field of a rule's match that did not hold; kNone: the rule matched.
enum class MatchField : std::uint8_t {
  kNone = 0,
  kNeighbours,
  kKinds,
  kInterfaces,
  kNetworks,
  kIssuers,
  kCsgIds,
  kAccessModes,
  kSameCsg
};

/// Why a method was taken, passed over or refused; why a decision is what it is. ReasonText has the sentences.
enum class Reason : std::uint8_t {
  kNoPolicy,
  kPolicyNotYetValid,
  kPolicyExpired,
  kPolicyInvalid,
  kNotInAudience,
  kNoRuleMatched,
  kNeighbourNotNamed,
  kNeighbourIsSelf,
  kClockNotSane,
  kBackhaulDown,
  kRevocationNewsStale,
  kRevocationNotChecked,
  kRevoked,
  kCommonAnchor,
  kAnchorNotKnown,
  kAnchorUnverified,
  kNoCommonAnchor,
  kNoVendorCertificate,
  kBothEnrolled,
  kSelfNotEnrolled,
  kPeerNotEnrolled,
  kPeerHasNoCmpv2,
  kSelfHasNoCmpv2,
  kNoEnrolmentServer,
  kPskByRule,
  kPeerHasNoPsk,
  kSelfHasNoKeydist,
  kPskNotForEnb,
  kPskKindNotKnown,
  kPskKindUnverified,
  kTrustedByRule,
  kTrustedNotOnlyMethod,
  kTrustedUnnamed,
  kTrustedLinkNotVerified,
  kBlockedByRule,
  kFailedListed,
  kFailedKept,
  kNoIpsec,
  kNotReached,
  kUnknownMethod,
  kNoMethodLeft,
};

/// One method of the rule that matched, in the rule's order.
struct MethodTrace {
  Method method;
  bool taken;
  Reason why;
};

/// What a decided link is to be set up with.
struct LinkTerms {
  std::vector<Suite> suites;
  Mode mode = Mode::kTunnel;
  Revocation revocation;
  absl::Duration max_sa_age = absl::ZeroDuration();
  std::uint32_t replay_window = 0;
  std::vector<common::SpkiHash>
      anchors;  ///< CERT: the peer's path must end at one of these. ENROL: the operator's, to try the peer.
  std::vector<common::Cidr> networks;  ///< TRUSTED: the rule's.
  std::string interface;               ///< TRUSTED: the link's, which the rule names.
};

struct Decision {
  Outcome outcome = Outcome::kBlock;
  std::optional<WaitingFor> waiting_for;  ///< ENROL only.
  std::optional<Method> method;           ///< The one taken; none when BLOCK.
  std::uint64_t policy_version = 0;       ///< 0: no policy.
  std::string rule;                       ///< Empty when no rule matched.
  Reason reason = Reason::kNoPolicy;
  Feature required_but_absent = Feature::kNone;  ///< BLOCK because of it: raise an alarm (R3).
  /// BLOCK for new links only: one that is up stays until max_sa_age after its last authentication (policy expired,
  /// clock not sane, backhaul down). Never true where a rule or a fact says BLOCK.
  bool running_links_stay = false;
  LinkTerms terms;  ///< Empty when BLOCK, but max_sa_age, where a rule matched.

  std::vector<MatchField>
      rules_looked_at;  ///< First failed field of rules[0], rules[1]…; kNone: it matched and is the last.
  std::vector<MethodTrace> methods;  ///< Of the rule that matched.
};

/// A pure function over values: no I/O, no clock, no globals; any thread. Fails closed: no policy, one that is not in
/// force, values that are not enumerated, or nothing that matches is BLOCK. Health facts turn a result into BLOCK and
/// nothing else.
[[nodiscard]] Decision Decide(const Policy* policy, const Facts& facts);

/// One sentence, stable for tests and people.
[[nodiscard]] std::string_view ReasonText(Reason reason);

}  // namespace henb::policy
