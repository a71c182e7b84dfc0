// The choice among the methods of the rule that matched.
#pragma once

#include <optional>
#include <vector>

#include "policy/decide.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::policy {

struct Choice {
  Outcome outcome = Outcome::kBlock;
  std::optional<WaitingFor> waiting_for;
  std::optional<Method> method;
  Reason reason = Reason::kNoMethodLeft;
  Feature required_but_absent = Feature::kNone;
  std::vector<common::SpkiHash> anchors;
  std::vector<MethodTrace> trace;
};

/// The first method whose conditions hold. Moves past a method on verified facts, and on a failure that the rule lists;
/// where no later method can be taken then, the failed one is kept and tried again. Health is not looked at here.
[[nodiscard]] Choice ChooseMethod(const Policy& policy, const Rule& rule, const Facts& facts);

}  // namespace henb::policy
