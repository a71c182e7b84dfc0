// Links: what an earlier run left up goes on while nothing new may begin (R57).
#include <algorithm>

#include "common/log.h"
#include "henb-x2sec/app/links/links.h"
#include "henb-x2sec/core/sa_view.h"

namespace henb::x2sec::app {
namespace {

/// As things were before what lets running links stay: the time in force, the device's certificate whatever its dates,
/// fresh news, the backhaul up. Only what somebody else has authenticated already is judged by it.
policy::Facts WithoutObstacle(policy::Facts facts, const policy::Policy& policy, bool has_operator_certificate) {
  facts.health = {};
  facts.now = policy.not_before;
  facts.enrolment.self_enrolled = has_operator_certificate;
  return facts;
}

}  // namespace

/// `blocked` is the decision as it has to be now. An earlier run of ours decided without the obstacle, and brought the
/// link up: with all connections' pins on SAs that the kernel still holds, it is planned as then, nothing of it is
/// taken down, and it is up as soon as pluto tells of these SAs. Not TRUSTED: it has no age that ends it.
bool Links::GoesOn(LinkRuntime& link, policy::Facts facts, const policy::Decision& blocked) {
  const policy::Policy* policy = parts_.policy();
  if (!link.adopting || policy == nullptr) return false;
  facts = WithoutObstacle(std::move(facts), *policy, parts_.credentials.operator_credential().has_value());
  policy::Decision decision = policy::Decide(policy, facts);
  const absl::Duration now = parts_.clock.Steady();
  if (link.held && now - link.held_since > std::min(decision.terms.max_sa_age, core::kLongestSaLife)) return false;
  core::LinkPlan plan = PlanFor(link, decision, facts.enrolment.self_enrolled);
  const bool carries = !plan.connections.empty() &&
                       std::all_of(plan.connections.begin(), plan.connections.end(), [this](const auto& spec) {
                         return core::AdoptedPin(spec, parts_.mirror.kernel()).has_value();
                       });
  if (!carries) return false;
  if (!std::exchange(link.held, true)) {
    link.held_since = now;
    common::LogWarning("link.goes_on", {{"neighbour", link.id.str()}, {"reason", policy::ReasonText(blocked.reason)}});
  }
  link.decision = std::move(decision);
  TakePlan(link, std::move(plan));
  return true;
}

}  // namespace henb::x2sec::app
