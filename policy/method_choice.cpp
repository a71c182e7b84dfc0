#include "policy/method_choice.h"

#include <algorithm>

namespace henb::policy {
namespace {

enum class Step : std::uint8_t {
  kTake,
  kSkip,  // A verified fact says that it can't be.
  kStop,  // Can't be taken, and nothing that may be believed allows to move on: BLOCK.
};

struct Verdict {
  Step step = Step::kStop;
  Reason why = Reason::kUnknownMethod;
  Outcome outcome = Outcome::kBlock;
  std::optional<WaitingFor> waiting_for = std::nullopt;
  Feature absent = Feature::kNone;
};

Verdict Take(Outcome outcome, Reason why, std::optional<WaitingFor> waiting_for = std::nullopt) {
  return {Step::kTake, why, outcome, waiting_for, Feature::kNone};
}
Verdict Skip(Reason why, Feature absent = Feature::kNone) { return {Step::kSkip, why, Outcome::kBlock, {}, absent}; }
Verdict Stop(Reason why, Feature absent = Feature::kNone) { return {Step::kStop, why, Outcome::kBlock, {}, absent}; }

std::vector<common::SpkiHash> Common(const std::vector<common::SpkiHash>& a, const std::vector<common::SpkiHash>& b) {
  std::vector<common::SpkiHash> out;
  std::copy_if(a.begin(), a.end(), std::back_inserter(out),
               [&](const common::SpkiHash& hash) { return std::find(b.begin(), b.end(), hash) != b.end(); });
  return out;
}

bool VerifiedFalse(const Fact<bool>& fact) { return fact.verified() && !*fact.value; }

Verdict JudgeSameCa(const Facts& facts) {
  if (facts.self.vendor_anchors.empty()) return Skip(Reason::kNoVendorCertificate);
  const auto& issuers = facts.neighbour.issuers;
  // Without a verified fact that the anchors differ the method stays: IKE accepts a path to this device's own anchor
  // only (R8).
  if (!issuers.known()) return Take(Outcome::kCert, Reason::kAnchorNotKnown);
  if (!issuers.verified()) return Take(Outcome::kCert, Reason::kAnchorUnverified);
  if (Common(facts.self.vendor_anchors, *issuers.value).empty()) return Skip(Reason::kNoCommonAnchor);
  return Take(Outcome::kCert, Reason::kCommonAnchor);
}

Verdict JudgeEnrolled(const Policy& policy, const Facts& facts) {
  const auto& issuers = facts.neighbour.issuers;
  const bool peer_has_operator_anchor =
      issuers.verified() && !Common(facts.self.operator_anchors, *issuers.value).empty();
  if (!peer_has_operator_anchor && !facts.enrolment.peer_enrolled && VerifiedFalse(facts.neighbour.cmpv2)) {
    return Skip(Reason::kPeerHasNoCmpv2);
  }
  if (!facts.enrolment.self_enrolled) {
    if (!facts.self.cmpv2) return Skip(Reason::kSelfHasNoCmpv2, Feature::kCmpv2);
    if (!policy.enrolment.has_value()) return Skip(Reason::kNoEnrolmentServer);
    return Take(Outcome::kEnrol, Reason::kSelfNotEnrolled, WaitingFor::kSelf);
  }
  if (!facts.enrolment.peer_enrolled) return Take(Outcome::kEnrol, Reason::kPeerNotEnrolled, WaitingFor::kPeer);
  return Take(Outcome::kCert, Reason::kBothEnrolled);
}

Verdict JudgePsk(const Facts& facts) {
  const auto& kind = facts.neighbour.kind;
  if (!kind.known()) return Stop(Reason::kPskKindNotKnown);
  if (*kind.value != Kind::kHenb) {  // R42
    return kind.verified() ? Skip(Reason::kPskNotForEnb) : Stop(Reason::kPskKindUnverified);
  }
  if (VerifiedFalse(facts.neighbour.psk)) return Skip(Reason::kPeerHasNoPsk);
  if (!facts.self.keydist) return Skip(Reason::kSelfHasNoKeydist, Feature::kKeydist);
  return Take(Outcome::kPsk, Reason::kPskByRule);
}

Verdict JudgeTrusted(const Rule& rule, const Facts& facts) {
  if (rule.methods.size() != 1) return Stop(Reason::kTrustedNotOnlyMethod);
  if (rule.match.interfaces.empty() || rule.match.networks.empty()) return Stop(Reason::kTrustedUnnamed);  // R2
  if (!facts.neighbour.interface.verified()) return Stop(Reason::kTrustedLinkNotVerified);
  return Take(Outcome::kTrusted, Reason::kTrustedByRule);
}

Verdict Judge(const Policy& policy, const Rule& rule, Method method, const Facts& facts) {
  switch (method) {
    case Method::kTrusted:
      return JudgeTrusted(rule, facts);
    case Method::kBlock:
      return Stop(Reason::kBlockedByRule);
    case Method::kCertSameCa:
    case Method::kCertEnrolled:
    case Method::kPsk:
      break;
    default:
      return Stop(Reason::kUnknownMethod);
  }
  if (!facts.self.ipsec) return Stop(Reason::kNoIpsec, Feature::kIpsec);
  if (method == Method::kCertSameCa) return JudgeSameCa(facts);
  if (method == Method::kCertEnrolled) return JudgeEnrolled(policy, facts);
  return JudgePsk(facts);
}

bool FailedAsListed(const Rule& rule, Method method, const std::vector<Failure>& failures) {
  return std::any_of(failures.begin(), failures.end(), [&](const Failure& failure) {
    return failure.method == method &&
           std::find(rule.fallback_on.begin(), rule.fallback_on.end(), failure.kind) != rule.fallback_on.end();
  });
}

std::vector<common::SpkiHash> AnchorsFor(Method method, const Verdict& verdict, const Facts& facts) {
  if (method == Method::kCertEnrolled) return facts.self.operator_anchors;
  if (method != Method::kCertSameCa) return {};
  if (verdict.why != Reason::kCommonAnchor) return facts.self.vendor_anchors;
  return Common(facts.self.vendor_anchors, *facts.neighbour.issuers.value);
}

}  // namespace

Choice ChooseMethod(const Policy& policy, const Rule& rule, const Facts& facts) {
  Choice choice;
  std::optional<Verdict> taken;
  std::size_t kept = rule.methods.size();  // Index of a method that failed in a listed way.
  std::optional<Verdict> kept_verdict;
  std::optional<Verdict> stopped;
  for (std::size_t i = 0; i < rule.methods.size(); ++i) {
    const Method method = rule.methods[i];
    if (taken.has_value() || stopped.has_value()) {
      choice.trace.push_back({method, false, Reason::kNotReached});
      continue;
    }
    const Verdict verdict = Judge(policy, rule, method, facts);
    if (verdict.step == Step::kTake && FailedAsListed(rule, method, facts.failures)) {
      kept = i;
      kept_verdict = verdict;
      choice.trace.push_back({method, false, Reason::kFailedListed});
      continue;
    }
    choice.trace.push_back({method, verdict.step == Step::kTake, verdict.why});
    if (verdict.step == Step::kTake) {
      taken = verdict;
      choice.method = method;
    }
    if (verdict.step == Step::kStop) stopped = verdict;
    if (choice.required_but_absent == Feature::kNone && verdict.absent != Feature::kNone) {
      choice.required_but_absent = verdict.absent;
      choice.reason = verdict.why;
    }
  }
  const bool kept_is_taken = !taken.has_value() && kept_verdict.has_value();
  if (kept_is_taken) {
    taken = kept_verdict;
    choice.method = rule.methods[kept];
    choice.trace[kept] = {rule.methods[kept], true, Reason::kFailedKept};
  }
  if (taken.has_value()) {
    choice.outcome = taken->outcome;
    choice.waiting_for = taken->waiting_for;
    choice.reason = kept_is_taken ? Reason::kFailedKept : taken->why;
    choice.required_but_absent = Feature::kNone;
    choice.anchors = AnchorsFor(*choice.method, *taken, facts);
  } else if (stopped.has_value()) {
    choice.reason = stopped->why;
    choice.required_but_absent = stopped->absent;
  } else if (choice.required_but_absent == Feature::kNone && rule.methods.size() == 1) {
    choice.reason = choice.trace.front().why;
  }
  return choice;
}

}  // namespace henb::policy
