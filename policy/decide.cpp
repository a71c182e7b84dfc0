#include "policy/decide.h"

#include <algorithm>

#include "policy/match.h"
#include "policy/method_choice.h"

namespace henb::policy {
namespace {

bool InAudience(const Policy& policy, const common::HenbId& id) {
  return std::any_of(policy.audience.begin(), policy.audience.end(),
                     [&](const IdPattern& pattern) { return pattern.Matches(id); });
}

// What makes every decision BLOCK, whatever the rules say.
std::optional<Reason> Unusable(const Policy* policy, const Facts& facts) {
  if (policy == nullptr) return Reason::kNoPolicy;
  if (policy->schema != Policy::kSchema || policy->version == 0) return Reason::kPolicyInvalid;
  if (!InAudience(*policy, facts.self.id)) return Reason::kNotInAudience;
  if (facts.neighbour.id.empty()) return Reason::kNeighbourNotNamed;
  if (facts.neighbour.id == facts.self.id) return Reason::kNeighbourIsSelf;
  return std::nullopt;
}

bool NewsTooOld(const Revocation& revocation, absl::Duration stale_for) {
  switch (revocation.mode) {
    case RevocationMode::kSoft:
      return false;
    case RevocationMode::kGrace:
      return stale_for > revocation.grace;
    case RevocationMode::kStrict:
      return stale_for > absl::ZeroDuration();
  }
  return true;
}

/// Of the paths that the decision accepts, the one with the worst news counts.
std::optional<Reason> NewsProblem(const Health& health, const LinkTerms& terms) {
  if (NewsTooOld(terms.revocation, health.revocation_stale_for)) return Reason::kRevocationNewsStale;
  for (const AnchorNews& news : health.revocation_by_anchor) {
    if (std::find(terms.anchors.begin(), terms.anchors.end(), news.anchor) == terms.anchors.end()) continue;
    if (news.stale_for && NewsTooOld(terms.revocation, *news.stale_for)) return Reason::kRevocationNewsStale;
    if (!news.stale_for && terms.revocation.mode == RevocationMode::kStrict) return Reason::kRevocationNotChecked;
  }
  return std::nullopt;
}

/// The method taken was tried, and the neighbour's certificate is revoked.
bool Revoked(const Facts& facts, const Decision& decision) {
  return decision.method && std::find(facts.failures.begin(), facts.failures.end(),
                                      Failure{*decision.method, FailureKind::kRevoked}) != facts.failures.end();
}

bool NeedsBackhaul(const Policy& policy, const Decision& decision) {
  if (policy.backhaul.trusted) return false;
  if (decision.outcome == Outcome::kPsk) return true;
  return decision.outcome == Outcome::kEnrol && decision.waiting_for == WaitingFor::kSelf &&
         policy.enrolment.has_value() && policy.enrolment->transport == Transport::kBackhaul;
}

struct Obstacle {
  Reason reason;
  bool running_links_stay;
};

std::optional<Obstacle> FindObstacle(const Policy& policy, const Facts& facts, const Decision& decision) {
  // The one obstacle that also ends what runs comes before those that let it stay.
  const bool by_certificate = decision.outcome == Outcome::kCert ||
                              (decision.outcome == Outcome::kEnrol && decision.waiting_for == WaitingFor::kPeer);
  if (by_certificate && Revoked(facts, decision)) return Obstacle{Reason::kRevoked, false};
  if (!facts.health.clock_sane) return Obstacle{Reason::kClockNotSane, true};
  if (!(facts.now >= policy.not_before)) return Obstacle{Reason::kPolicyNotYetValid, false};
  if (!(facts.now < policy.not_after)) return Obstacle{Reason::kPolicyExpired, true};
  if (!facts.health.backhaul_up && NeedsBackhaul(policy, decision)) return Obstacle{Reason::kBackhaulDown, true};
  if (!by_certificate) return std::nullopt;
  if (const auto problem = NewsProblem(facts.health, decision.terms)) return Obstacle{*problem, false};
  return std::nullopt;
}

void SetTerms(const Policy& policy, const Rule& rule, const Facts& facts, Choice* choice, LinkTerms* terms) {
  terms->suites = rule.suites;
  terms->mode = rule.mode;
  terms->revocation = rule.revocation.value_or(policy.revocation_default);
  terms->max_sa_age = rule.max_sa_age;
  terms->replay_window = rule.replay_window;
  terms->anchors = std::move(choice->anchors);
  if (choice->outcome == Outcome::kTrusted) {
    terms->networks = rule.match.networks;
    terms->interface = *facts.neighbour.interface.value;
  }
}

const Rule* FindRule(const Policy& policy, const Facts& facts, Decision* decision) {
  decision->rules_looked_at.reserve(policy.rules.size());
  for (const Rule& rule : policy.rules) {
    const MatchField failed = FirstFailedField(rule, facts.neighbour, facts.self);
    decision->rules_looked_at.push_back(failed);
    if (failed == MatchField::kNone) return &rule;
  }
  return nullptr;
}

void Block(Reason reason, bool running_links_stay, Decision* decision) {
  decision->running_links_stay = running_links_stay && decision->outcome != Outcome::kBlock;
  decision->outcome = Outcome::kBlock;
  decision->waiting_for.reset();
  decision->method.reset();
  decision->reason = reason;
  const absl::Duration max_sa_age = decision->terms.max_sa_age;
  decision->terms = {};
  decision->terms.max_sa_age = max_sa_age;
}

}  // namespace

Decision Decide(const Policy* policy, const Facts& facts) {
  Decision decision;
  if (policy != nullptr) decision.policy_version = policy->version;
  if (const auto reason = Unusable(policy, facts); reason.has_value()) {
    decision.reason = *reason;
    return decision;
  }
  const Rule* rule = FindRule(*policy, facts, &decision);
  if (rule == nullptr) {
    decision.reason = Reason::kNoRuleMatched;
  } else {
    Choice choice = ChooseMethod(*policy, *rule, facts);
    decision.rule = rule->id;
    decision.outcome = choice.outcome;
    decision.waiting_for = choice.waiting_for;
    decision.method = choice.method;
    decision.reason = choice.reason;
    decision.required_but_absent = choice.required_but_absent;
    SetTerms(*policy, *rule, facts, &choice, &decision.terms);
    decision.methods = std::move(choice.trace);
    if (decision.outcome == Outcome::kBlock) Block(decision.reason, false, &decision);
  }
  if (const auto obstacle = FindObstacle(*policy, facts, decision); obstacle.has_value()) {
    Block(obstacle->reason, obstacle->running_links_stay, &decision);
  }
  return decision;
}

std::string_view ReasonText(Reason reason) {
  switch (reason) {
    case Reason::kNoPolicy:
      return "there is no policy";
    case Reason::kPolicyNotYetValid:
      return "the policy is not in force yet";
    case Reason::kPolicyExpired:
      return "the policy has expired";
    case Reason::kPolicyInvalid:
      return "the policy is of a schema or version that is not known";
    case Reason::kNotInAudience:
      return "this device is not in the policy's audience";
    case Reason::kNoRuleMatched:
      return "no rule matched";
    case Reason::kNeighbourNotNamed:
      return "the neighbour has no identity";
    case Reason::kNeighbourIsSelf:
      return "the neighbour has this device's own identity";
    case Reason::kClockNotSane:
      return "the clock is not sane";
    case Reason::kBackhaulDown:
      return "the backhaul is down";
    case Reason::kRevocationNewsStale:
      return "revocation news is too old";
    case Reason::kRevocationNotChecked:
      return "the rule is STRICT, and no source of revocation news is configured";
    case Reason::kRevoked:
      return "revoked: the neighbour's certificate is no longer valid";
    case Reason::kCommonAnchor:
      return "both certificates have a common anchor";
    case Reason::kAnchorNotKnown:
      return "the neighbour's anchor is not known; only this device's own is accepted";
    case Reason::kAnchorUnverified:
      return "the neighbour's anchor is only claimed; only this device's own is accepted";
    case Reason::kNoCommonAnchor:
      return "there is no common anchor";
    case Reason::kNoVendorCertificate:
      return "this device has no vendor certificate";
    case Reason::kBothEnrolled:
      return "both hold a certificate of the operator";
    case Reason::kSelfNotEnrolled:
      return "this device has not enrolled yet";
    case Reason::kPeerNotEnrolled:
      return "the neighbour has not shown an operator certificate yet";
    case Reason::kPeerHasNoCmpv2:
      return "the neighbour has no CMPv2";
    case Reason::kSelfHasNoCmpv2:
      return "CMPv2 is required but this device has it not, or switched off";
    case Reason::kNoEnrolmentServer:
      return "the policy names no enrolment server";
    case Reason::kPskByRule:
      return "the rule lists PSK";
    case Reason::kPeerHasNoPsk:
      return "the neighbour has no PSK";
    case Reason::kSelfHasNoKeydist:
      return "key distribution is required but this device has it not, or switched off";
    case Reason::kPskNotForEnb:
      return "PSK is refused for an eNB";
    case Reason::kPskKindNotKnown:
      return "PSK is for HeNBs, and the neighbour's kind is not known";
    case Reason::kPskKindUnverified:
      return "PSK is for HeNBs, and the neighbour is claimed to be something else";
    case Reason::kTrustedByRule:
      return "the rule trusts this interface and network";
    case Reason::kTrustedNotOnlyMethod:
      return "TRUSTED beside other methods is refused";
    case Reason::kTrustedUnnamed:
      return "TRUSTED without interface and network is refused";
    case Reason::kTrustedLinkNotVerified:
      return "the interface is only claimed; TRUSTED needs one that is known";
    case Reason::kBlockedByRule:
      return "the rule blocks";
    case Reason::kFailedListed:
      return "it failed, and the rule lists this failure";
    case Reason::kFailedKept:
      return "it failed, and no later method can be taken";
    case Reason::kNoIpsec:
      return "IPsec is required but this device has it not, or switched off";
    case Reason::kNotReached:
      return "not reached";
    case Reason::kUnknownMethod:
      return "the method is not known";
    case Reason::kNoMethodLeft:
      return "no method of the rule can be taken";
  }
  return "not known";
}

}  // namespace henb::policy
