#include "policy/explain.h"

#include <nlohmann/json.hpp>

#include "absl/time/time.h"
#include "common/strings.h"
#include "common/text_table.h"
#include "policy/names.h"
#include "policy/time_text.h"

namespace henb::policy {
namespace {

using Json = nlohmann::ordered_json;

struct FactRow {
  std::string name;
  Json value;
  Source source;
};

Json Text(const common::IpAddress& address) { return address.ToString(); }
Json Text(const common::SpkiHash& hash) { return hash.ToHex(); }
Json Text(Kind kind) { return Name(kind); }
Json Text(AccessMode mode) { return Name(mode); }
Json Text(const std::string& text) { return text; }
Json Text(bool value) { return value; }
Json Text(std::uint32_t value) { return value; }
template <typename T>
Json Text(const std::vector<T>& list) {
  Json out = Json::array();
  for (const T& item : list) out.push_back(Text(item));
  return out;
}

template <typename T>
void AddFact(std::string name, const Fact<T>& fact, std::vector<FactRow>* rows) {
  if (fact.known()) rows->push_back({std::move(name), Text(*fact.value), fact.source});
}

std::vector<FactRow> Rows(const Policy* policy, const Facts& facts) {
  std::vector<FactRow> rows;
  const NeighbourFacts& neighbour = facts.neighbour;
  rows.push_back({"neighbour.id", neighbour.id.str(), neighbour.id_source});
  AddFact("neighbour.kind", neighbour.kind, &rows);
  AddFact("neighbour.x2_addresses", neighbour.x2_addresses, &rows);
  AddFact("neighbour.interface", neighbour.interface, &rows);
  AddFact("neighbour.issuers", neighbour.issuers, &rows);
  AddFact("neighbour.cmpv2", neighbour.cmpv2, &rows);
  AddFact("neighbour.psk", neighbour.psk, &rows);
  AddFact("neighbour.csg_id", neighbour.csg_id, &rows);
  AddFact("neighbour.access_mode", neighbour.access_mode, &rows);
  const auto local = [&](std::string name, Json value) {
    rows.push_back({std::move(name), std::move(value), Source::kLocal});
  };
  local("self.id", facts.self.id.str());
  local("self.vendor_anchors", Text(facts.self.vendor_anchors));
  local("self.operator_anchors", Text(facts.self.operator_anchors));
  local("self.ipsec", facts.self.ipsec);
  local("self.cmpv2", facts.self.cmpv2);
  local("self.keydist", facts.self.keydist);
  if (facts.self.csg_id.has_value()) local("self.csg_id", *facts.self.csg_id);
  if (facts.self.access_mode.has_value()) local("self.access_mode", Name(*facts.self.access_mode));
  local("enrolment.self_enrolled", facts.enrolment.self_enrolled);
  local("enrolment.peer_enrolled", facts.enrolment.peer_enrolled);
  local("health.clock_sane", facts.health.clock_sane);
  local("health.backhaul_up", facts.health.backhaul_up);
  local("health.revocation_stale_for", absl::FormatDuration(facts.health.revocation_stale_for));
  for (const AnchorNews& news : facts.health.revocation_by_anchor) {
    local(common::StrCat("health.revocation_stale_for.", news.anchor.ToHex().substr(0, 16)),
          news.stale_for ? absl::FormatDuration(*news.stale_for) : "no source");
  }
  for (const Failure& failure : facts.failures) {
    local(common::StrCat("failure.", Name(failure.method)), Name(failure.kind));
  }
  local("now", TimeText(facts.now));
  if (policy != nullptr) {
    rows.push_back({"policy.not_before", TimeText(policy->not_before), Source::kPolicy});
    rows.push_back({"policy.not_after", TimeText(policy->not_after), Source::kPolicy});
    rows.push_back({"policy.enrolment", policy->enrolment.has_value(), Source::kPolicy});
  }
  return rows;
}

Json TraceJson(const Policy& policy, const Decision& decision) {
  Json out = Json::array();
  for (std::size_t i = 0; i < decision.rules_looked_at.size() && i < policy.rules.size(); ++i) {
    const MatchField failed = decision.rules_looked_at[i];
    Json methods = Json::array();
    if (failed == MatchField::kNone) {
      for (const MethodTrace& method : decision.methods) {
        methods.push_back({{"method", Name(method.method)}, {"taken", method.taken}, {"why", ReasonText(method.why)}});
      }
    }
    out.push_back({{"rule", policy.rules[i].id},
                   {"matched", failed == MatchField::kNone},
                   {"first_failed_field", failed == MatchField::kNone ? Json() : Json(Name(failed))},
                   {"methods", std::move(methods)}});
  }
  return out;
}

std::string Shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string out;
  for (const Json& item : value) common::StrAppend(&out, out.empty() ? "" : ", ", Shown(item));
  return out.empty() ? "none" : out;
}

}  // namespace

std::string ExplainJson(const Policy* policy, const Facts& facts, const Decision& decision) {
  Json rows = Json::array();
  for (FactRow& row : Rows(policy, facts)) {
    rows.push_back({{"name", std::move(row.name)}, {"value", std::move(row.value)}, {"source", Name(row.source)}});
  }
  Json out;
  out["neighbour"] = facts.neighbour.id.str();
  out["policy_version"] = policy == nullptr ? Json() : Json(decision.policy_version);
  out["facts"] = std::move(rows);
  out["trace"] = policy == nullptr ? Json::array() : TraceJson(*policy, decision);
  out["outcome"] = Name(decision.outcome);
  out["waiting_for"] = decision.waiting_for.has_value() ? Json(Name(*decision.waiting_for)) : Json();
  out["rule"] = decision.rule.empty() ? Json() : Json(decision.rule);
  out["reason"] = ReasonText(decision.reason);
  return out.dump(2) + "\n";
}

std::string ExplainText(const Policy* policy, const Facts& facts, const Decision& decision) {
  std::string out = common::StrCat(facts.neighbour.id.str(), ": ", Name(decision.outcome));
  if (decision.waiting_for.has_value()) common::StrAppend(&out, " (waiting for ", Name(*decision.waiting_for), ")");
  if (!decision.rule.empty()) common::StrAppend(&out, ", rule ", decision.rule);
  common::StrAppend(&out, ": ", ReasonText(decision.reason), "\n");
  if (policy != nullptr) common::StrAppend(&out, "policy version ", decision.policy_version, "\n");
  common::TextTable facts_table({"FACT", "VALUE", "SOURCE"});
  for (const FactRow& row : Rows(policy, facts)) {
    facts_table.Add({row.name, Shown(row.value), std::string(Name(row.source))});
  }
  common::StrAppend(&out, "\n", facts_table.Render());
  if (policy == nullptr || decision.rules_looked_at.empty()) return out;
  common::TextTable rules({"RULE", "MATCHED", "FIRST FAILED FIELD"});
  for (std::size_t i = 0; i < decision.rules_looked_at.size() && i < policy->rules.size(); ++i) {
    const MatchField failed = decision.rules_looked_at[i];
    rules.Add({policy->rules[i].id, failed == MatchField::kNone ? "yes" : "no", std::string(Name(failed))});
  }
  common::StrAppend(&out, "\n", rules.Render());
  if (decision.methods.empty()) return out;
  common::TextTable methods({"METHOD", "TAKEN", "WHY"});
  for (const MethodTrace& method : decision.methods) {
    methods.Add({std::string(Name(method.method)), method.taken ? "yes" : "no", std::string(ReasonText(method.why))});
  }
  return out + "\n" + methods.Render();
}

}  // namespace henb::policy
