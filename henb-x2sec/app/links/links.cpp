#include "henb-x2sec/app/links/links.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/enrolment/enrolment_address.h"
#include "henb-x2sec/app/links/address_pairs.h"
#include "henb-x2sec/app/links/local_address.h"
#include "henb-x2sec/core/epoch_schedule.h"
#include "policy/explain.h"
#include "policy/names.h"

namespace henb::x2sec::app {
namespace {

core::LinkEvent DecidedEvent(core::Goal goal) {
  switch (goal) {
    case core::Goal::kEnrolSelf:
      return core::LinkEvent::kDecidedEnrolSelf;
    case core::Goal::kEnrolPeer:
      return core::LinkEvent::kDecidedEnrolPeer;
    case core::Goal::kCert:
      return core::LinkEvent::kDecidedCert;
    case core::Goal::kPsk:
      return core::LinkEvent::kDecidedPsk;
    case core::Goal::kTrusted:
      return core::LinkEvent::kDecidedTrusted;
    case core::Goal::kBlock:
      break;
  }
  return core::LinkEvent::kDecidedBlock;
}

std::optional<core::OwnKey> KeyOf(const Credential& credential) {
  if (credential.ckaid.empty()) return std::nullopt;
  return core::OwnKey{credential.ckaid, credential.rsa, credential.certificate.subject()};
}

}  // namespace

Links::Links(Parts parts) : parts_(std::move(parts)) {}

const LinkRuntime* Links::Find(const common::HenbId& id) const {
  const auto it = links_.find(id);
  return it == links_.end() ? nullptr : &it->second;
}

LinkRuntime* Links::FindByConnection(const std::string& connection) {
  for (auto& [id, link] : links_) {
    if (link.connections.contains(connection)) return &link;
  }
  return nullptr;
}

bool Links::AnyPsk() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& e) { return e.second.link.goal == core::Goal::kPsk; });
}

std::vector<std::string> Links::LocalAddresses() const {
  std::set<std::string> addresses;
  for (const auto& [id, link] : links_) {
    for (const core::AddressPair& pair : PairsOf(id)) addresses.insert(pair.local.ToString());
  }
  return {addresses.begin(), addresses.end()};
}

policy::Facts Links::FactsOf(const common::HenbId& id) const {
  policy::Facts facts;
  facts.neighbour = parts_.neighbours.FactsOf(id);
  if (!facts.neighbour.interface.known()) {
    const policy::NeighbourRecord* record = parts_.neighbours.RecordOf(id);
    const auto peer = record == nullptr ? std::nullopt : record->IkeAddress();
    const auto route = peer ? RouteTo(*peer, "") : absl::StatusOr<LocalRoute>(absl::NotFoundError(""));
    if (route.ok() && !route->interface.empty()) {
      facts.neighbour.interface = {route->interface, policy::Source::kLocal};
    }
  }
  const Config& config = parts_.config;
  facts.self.id = config.id;
  for (const common::Certificate& root : parts_.credentials.vendor_roots()) {
    facts.self.vendor_anchors.push_back(root.spki());
  }
  for (const common::Certificate& root : parts_.credentials.operator_roots()) {
    facts.self.operator_anchors.push_back(root.spki());
  }
  facts.self.ipsec = config.with_ipsec && parts_.ike != nullptr;
  facts.self.cmpv2 = config.with_cmp;
  facts.self.keydist = config.with_keydist && config.keydist_address.has_value();
  facts.self.csg_id = config.csg_id;
  facts.self.access_mode = config.access_mode;
  facts.enrolment.self_enrolled = parts_.credentials.Enrolled(parts_.clock.Now());
  facts.health = parts_.health.health();
  facts.health.revocation_by_anchor = parts_.revocation_news();
  facts.now = parts_.clock.Now();
  if (const LinkRuntime* link = Find(id)) {
    facts.enrolment.peer_enrolled = link->peer_enrolled;
    facts.failures = link->failures;
  }
  return facts;
}

void Links::EvaluateAll() {
  batching_ = true;
  for (auto it = links_.begin(); it != links_.end();) {
    if (parts_.neighbours.Knows(it->first)) {
      ++it;
      continue;
    }
    LinkRuntime& gone = it->second;
    parts_.key_changes.Abandon(gone.id);
    for (auto* timer : {&gone.retry, &gone.takeover, &gone.age, &gone.rekey}) Cancel(timer);
    common::LogInfo("link.removed", {{"neighbour", it->first.str()}});
    it = links_.erase(it);
  }
  for (const common::HenbId& id : parts_.neighbours.Ids()) {
    const auto [it, added] = links_.try_emplace(id);
    LinkRuntime& link = it->second;
    if (added) {
      link.id = id;
      link.initiator = parts_.config.id < id;
      link.since = parts_.clock.Now();
    }
    Evaluate(link);
  }
  batching_ = false;
  SetNeededKeys();
  PushDesired();
  parts_.changed();
}

void Links::FactsChanged(const common::HenbId& id) {
  if (const auto it = links_.find(id); it != links_.end()) it->second.failures.clear();
  EvaluateAll();
}

void Links::ForgetFailures() {
  for (auto& [id, link] : links_) link.failures.clear();
}

void Links::Evaluate(LinkRuntime& link) {
  const policy::Facts facts = FactsOf(link.id);
  policy::Decision decision = policy::Decide(parts_.policy(), facts);
  const bool blocked_now = decision.outcome == policy::Outcome::kBlock;
  if (blocked_now && decision.running_links_stay && (core::IsUp(link.link.state) || GoesOn(link, facts, decision))) {
    link.last_error = policy::ReasonText(decision.reason);
    link.held = !core::IsUp(link.link.state) || decision.reason == policy::Reason::kClockNotSane ||
                decision.reason == policy::Reason::kPolicyExpired;
    return;  // what runs stays until max_sa_age (DESIGN 3); the age timer ends it
  }
  const bool was_held = std::exchange(link.held, false);
  if (was_held && core::IsUp(link.link.state)) ProveSoon(link);
  const bool news = decision.outcome != link.decision.outcome || decision.rule != link.decision.rule ||
                    decision.reason != link.decision.reason || decision.policy_version != link.decision.policy_version;
  if (news) {
    common::LogInfo("link.decided", {{"neighbour", link.id.str()},
                                     {"outcome", policy::Name(decision.outcome)},
                                     {"rule", decision.rule},
                                     {"reason", policy::ReasonText(decision.reason)},
                                     {"policy_version", decision.policy_version}});
    if (decision.required_but_absent != policy::Feature::kNone) {
      common::LogAlarm("link.feature_absent",
                       {{"neighbour", link.id.str()}, {"reason", policy::ReasonText(decision.reason)}});
    }
  }
  core::LinkPlan plan = PlanFor(link, decision, facts.enrolment.self_enrolled);
  link.decision = std::move(decision);
  TakePlan(link, std::move(plan));
  if (was_held && !core::IsUp(link.link.state)) Begin(link);  // as long as it was held, nothing was tried
}

std::vector<core::AddressPair> Links::PairsOf(const common::HenbId& id) const {
  const policy::NeighbourRecord* record = parts_.neighbours.RecordOf(id);
  if (record == nullptr) return {};
  return AddressPairs(*record, parts_.config.local_addresses, RouteTo);
}

core::LinkPlan Links::PlanFor(LinkRuntime& link, const policy::Decision& decision, bool enrolled) {
  core::PlanInputs inputs;
  inputs.self = parts_.config.id;
  inputs.peer = link.id;
  inputs.pairs = PairsOf(link.id);
  inputs.numbers = core::NumberPairs(inputs.pairs, link.plan.connections);
  inputs.vendor_key = KeyOf(parts_.credentials.vendor());
  if (enrolled) {
    inputs.operator_key = KeyOf(*parts_.credentials.operator_credential());
  }
  if (!decision.terms.anchors.empty()) {
    inputs.anchor_subject = parts_.credentials.SubjectOf(decision.terms.anchors.front());
  }
  inputs.transport_by_configuration = parts_.config.transport_mode;
  if (link.reqid == 0 && decision.outcome != policy::Outcome::kBlock) {
    const auto reqid = parts_.reqids.For(link.id);
    if (reqid.ok()) {
      link.reqid = *reqid;
    } else {
      common::LogAlarm("reqid.none", {{"neighbour", link.id.str()}, {"error", reqid.status()}});
    }
  }
  inputs.reqid = link.reqid;
  inputs.peer_key_is_rsa = link.peer_key_is_rsa;
  inputs.psk_installed = core::ConnectionsStay(parts_.keys.StateOf(link.id).standing(), Carries(link));
  return core::MakePlan(decision, inputs);
}

/// SAs that have authenticated before now carry the link, or do so until pluto has been asked about them.
bool Links::Carries(const LinkRuntime& link) const {
  if (link.link.state == core::LinkState::kUpPsk) return true;
  const auto& sas = parts_.mirror.kernel().sas;
  return link.adopting &&
         std::any_of(sas.begin(), sas.end(), [&](const core::SaInfo& sa) { return sa.reqid == link.reqid; });
}

bool Links::OnExpiredKey(const LinkRuntime& link) const {
  return link.link.goal == core::Goal::kPsk && parts_.keys.StateOf(link.id).expired;
}

void Links::TakePlan(LinkRuntime& link, core::LinkPlan plan) {
  const bool goal_changes = plan.goal != link.link.goal;
  // From waiting for the peer to its certificate link: the same connections, nothing to tear down.
  const bool connections_change =
      plan.trusted != link.plan.trusted ||
      !std::equal(plan.connections.begin(), plan.connections.end(), link.plan.connections.begin(),
                  link.plan.connections.end(), core::SameButForKey);
  link.plan = std::move(plan);
  if (connections_change) {
    parts_.key_changes.Abandon(link.id);
    std::map<std::string, ConnectionRuntime> next;
    for (const core::ConnectionSpec& spec : link.plan.connections) {
      const auto old = link.connections.find(spec.name);
      const bool same = old != link.connections.end() && core::SameButForKey(old->second.spec, spec);
      // pluto still has the one of before: no attempt may be made on it.
      if (old != link.connections.end() && !same) parts_.mirror.Renew(spec.name);
      next[spec.name] = same ? std::move(old->second)
                             : ConnectionRuntime{.spec = spec,
                                                 .pin = core::AdoptedPin(spec, parts_.mirror.kernel()),
                                                 .children = {},
                                                 .settled_at = {}};
    }
    link.connections = std::move(next);
  }
  for (const core::ConnectionSpec& spec : link.plan.connections) link.connections.at(spec.name).spec = spec;
  if (!link.plan.missing.empty()) {
    // A key that is missing has a reason: the key service denies it, or is not reached.
    const std::string why = link.plan.goal == core::Goal::kPsk ? parts_.keys.StateOf(link.id).problem : "";
    link.last_error = why.empty() ? link.plan.missing : why;
  }
  if (OnExpiredKey(link)) link.last_error = parts_.keys.StateOf(link.id).problem;
  if (goal_changes) {
    Handle(link, DecidedEvent(link.plan.goal));
  } else if (connections_change) {
    Handle(link, core::LinkEvent::kConnectionsChanged);
  }
  const bool denied = link.link.goal == core::Goal::kPsk && parts_.keys.StateOf(link.id).denial.has_value();
  const bool keyless = denied || (OnExpiredKey(link) && link.connections.empty());
  if (keyless && link.link.state == core::LinkState::kKeying) Handle(link, core::LinkEvent::kAttemptFailed);
}

void Links::SetNeededKeys() {
  std::set<common::HenbId> needed;
  for (const auto& [id, link] : links_) {
    if (link.link.goal == core::Goal::kPsk) needed.insert(id);
  }
  const policy::Policy* policy = parts_.policy();
  const auto lists_psk = [](const policy::Rule& rule) {
    return std::find(rule.methods.begin(), rule.methods.end(), policy::Method::kPsk) != rule.methods.end();
  };
  const bool may_need = policy != nullptr && std::any_of(policy->rules.begin(), policy->rules.end(), lists_psk);
  parts_.keys.SetNeeded(needed, may_need);
}

void Links::PushDesired() {
  if (batching_) return;
  core::Desired desired;
  const Config& config = parts_.config;
  const policy::Policy* policy = parts_.policy();
  desired.guard.ports = config.ports;
  desired.guard.backhaul_reqid = config.backhaul_reqid;
  desired.guard.core_networks = {config.core_networks.begin(), config.core_networks.end()};
  desired.guard.backhaul_trusted = policy != nullptr && policy->backhaul.trusted;
  if (config.keydist_address) desired.guard.backhaul_only.insert({config.keydist_ip, config.keydist_port});
  for (const core::BackhaulOnlyService& each : parts_.revocation_services()) desired.guard.backhaul_only.insert(each);
  desired.own_reqids = parts_.reqids.All();
  for (const common::HenbId& id : parts_.neighbours.Ids()) {
    const auto addresses = parts_.neighbours.FactsOf(id).x2_addresses.value;
    if (addresses) desired.guard.neighbours.insert(addresses->begin(), addresses->end());
  }
  for (const auto& [id, link] : links_) {
    desired.guard.admitted.insert(link.plan.admitted.begin(), link.plan.admitted.end());
    desired.guard.trusted.insert(link.plan.trusted.begin(), link.plan.trusted.end());
    desired.clear.insert(link.plan.clear.begin(), link.plan.clear.end());
    for (const auto& [name, connection] : link.connections) {
      const core::ConnectionSpec& spec = connection.spec;
      desired.connections.push_back(spec);
      desired.pins.insert({.local = spec.local_address,
                           .peer = spec.peer_address,
                           .local_end = spec.local_ike_address,
                           .peer_end = spec.peer_ike_address,
                           .reqid = spec.reqid,
                           .transport_mode = spec.transport_mode,
                           .spi_out = connection.pin});
    }
  }
  parts_.also_desired(desired);
  parts_.mirror.SetDesired(std::move(desired));
}

}  // namespace henb::x2sec::app
