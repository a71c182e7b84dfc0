// Policies from outside: any octets. Whatever is taken must be decidable, explainable, and open nothing by accident.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/decide.h"
#include "policy/diff.h"
#include "policy/explain.h"
#include "policy/load.h"

namespace {

using namespace henb::policy;  // NOLINT(google-build-using-namespace)

Facts SomeFacts(const Policy& policy) {
  NeighbourRecord record;
  record.id = henb::common::HenbId::Parse("henb-4.site-7.operator.example").value();
  record.kind = Kind::kHenb;
  record.x2c_addresses = {henb::common::IpAddress::Parse("10.9.5.4").value()};
  record.interface = "eth1";
  Facts facts;
  facts.neighbour = FactsOf(record, Source::kOam);
  facts.self.id = henb::common::HenbId::Parse("henb-1.site-7.operator.example").value();
  facts.now = policy.not_before;
  return facts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const PolicyReading reading = ReadPolicy(text);
  if (reading.policy.has_value() == reading.problems.has_errors()) std::abort();
  if (!reading.policy.has_value()) return 0;
  const Facts facts = SomeFacts(*reading.policy);
  const Decision decision = Decide(&*reading.policy, facts);
  if (decision.outcome == Outcome::kTrusted) {
    const Rule& rule = reading.policy->rules.at(decision.rules_looked_at.size() - 1);
    if (rule.methods.size() != 1 || rule.match.interfaces.empty() || rule.match.networks.empty()) std::abort();
  }
  if (ExplainJson(&*reading.policy, facts, decision).empty()) std::abort();
  const auto differences = DiffPolicies(text, text);
  if (!differences.ok() || !differences->empty()) std::abort();
  return 0;
}
