#include "henb-x2sec/core/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/strings.h"
#include "henb-x2sec/core/reconciler.h"

namespace henb::x2sec::core {
namespace {

Goal GoalOf(const policy::Decision& decision) {
  switch (decision.outcome) {
    case policy::Outcome::kCert:
      return Goal::kCert;
    case policy::Outcome::kPsk:
      return Goal::kPsk;
    case policy::Outcome::kTrusted:
      return Goal::kTrusted;
    case policy::Outcome::kEnrol:
      return decision.waiting_for == policy::WaitingFor::kPeer ? Goal::kEnrolPeer : Goal::kEnrolSelf;
    case policy::Outcome::kBlock:
      break;
  }
  return Goal::kBlock;
}

/// The own key that goes with the goal; certificates of the operator for everything but CERT_SAME_CA.
const std::optional<OwnKey>& KeyFor(const policy::Decision& decision, const PlanInputs& inputs) {
  return decision.method == policy::Method::kCertSameCa ? inputs.vendor_key : inputs.operator_key;
}

std::string WhatIsMissing(const policy::Decision& decision, const PlanInputs& inputs, Goal goal) {
  if (inputs.pairs.empty()) return "no route to an address of the neighbour";
  if (inputs.reqid == 0) return "no reqid";
  if (decision.terms.suites.empty()) return "the rule offers no suite";
  if (goal == Goal::kPsk) return inputs.psk_installed ? "" : "no key from the key service yet";
  if (!KeyFor(decision, inputs)) return "no certificate of our own for this method";
  if (inputs.anchor_subject.empty()) return "the expected anchor is not known here";
  return "";
}

ConnectionSpec SpecFor(const policy::Decision& decision, const PlanInputs& inputs, Goal goal, std::size_t index) {
  const AddressPair& pair = inputs.pairs[index];
  ConnectionSpec spec;
  spec.name = common::StrCat(kConnectionPrefix, inputs.peer.str(), "-",
                             index < inputs.numbers.size() ? inputs.numbers[index] : index);
  spec.local_id = inputs.self;
  spec.peer_id = inputs.peer;
  spec.local_address = pair.local;
  spec.peer_address = pair.peer;
  spec.local_ike_address = pair.local_ike;
  spec.peer_ike_address = pair.peer_ike;
  spec.reqid = inputs.reqid;
  // Transport mode has no place for addresses behind the ends of the SA.
  const bool ends = pair.local == pair.local_ike && pair.peer == pair.peer_ike;
  spec.transport_mode = ends && (decision.terms.mode == policy::Mode::kTransport || inputs.transport_by_configuration);
  spec.replay_window = static_cast<int>(decision.terms.replay_window);
  spec.lifetime = std::min(decision.terms.max_sa_age, kLongestSaLife);
  spec.ike_suites = policy::IkeProposals(decision.terms.suites);
  spec.esp_suites = policy::EspProposals(decision.terms.suites);
  if (goal == Goal::kPsk) return spec;
  spec.auth = IkeAuth::kCertificate;
  spec.local_ckaid = KeyFor(decision, inputs)->ckaid;
  spec.local_subject = KeyFor(decision, inputs)->subject;
  spec.local_key_is_rsa = KeyFor(decision, inputs)->rsa;
  spec.peer_key_is_rsa = inputs.peer_key_is_rsa;
  spec.expected_ca = inputs.anchor_subject;
  return spec;
}

void PlanTrusted(const policy::Decision& decision, const PlanInputs& inputs, LinkPlan& plan) {
  for (const AddressPair& pair : inputs.pairs) {
    for (const common::Cidr& network : decision.terms.networks) {
      if (!network.Contains(pair.peer)) continue;
      plan.trusted.insert({pair.peer, decision.terms.interface, network});
      plan.clear.insert({pair.local, pair.peer});
      break;
    }
  }
  if (decision.terms.interface.empty()) {
    plan.trusted.clear();
    plan.clear.clear();
  }
  if (plan.trusted.empty()) plan.missing = "no address of the neighbour lies on the trusted link";
}

}  // namespace

std::vector<std::size_t> NumberPairs(const std::vector<AddressPair>& pairs, const std::vector<ConnectionSpec>& before) {
  std::map<std::pair<common::IpAddress, common::IpAddress>, std::size_t> known;
  for (const ConnectionSpec& spec : before) {
    const auto number = common::ParseNumber<std::size_t>(spec.name.substr(spec.name.rfind('-') + 1));
    if (number) known[{spec.local_address, spec.peer_address}] = *number;
  }
  std::set<std::size_t> taken;
  for (const AddressPair& pair : pairs) {
    if (const auto at = known.find({pair.local, pair.peer}); at != known.end()) taken.insert(at->second);
  }
  std::vector<std::size_t> numbers;
  for (const AddressPair& pair : pairs) {
    const auto at = known.find({pair.local, pair.peer});
    std::size_t number = at == known.end() ? 0 : at->second;
    while (at == known.end() && taken.contains(number)) ++number;
    taken.insert(number);
    numbers.push_back(number);
  }
  return numbers;
}

LinkPlan MakePlan(const policy::Decision& decision, const PlanInputs& inputs) {
  LinkPlan plan;
  plan.goal = GoalOf(decision);
  if (plan.goal == Goal::kTrusted) PlanTrusted(decision, inputs, plan);
  if (!WantsIpsec(plan.goal)) return plan;
  plan.missing = WhatIsMissing(decision, inputs, plan.goal);
  if (!plan.missing.empty()) return plan;
  for (std::size_t i = 0; i < inputs.pairs.size(); ++i) {
    plan.connections.push_back(SpecFor(decision, inputs, plan.goal, i));
    plan.admitted.insert({inputs.pairs[i].peer, inputs.reqid});
  }
  return plan;
}

}  // namespace henb::x2sec::core
