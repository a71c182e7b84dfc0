// A decision in words: what `x2secctl explain` and `x2policy explain` print.
#pragma once

#include <string>

#include "policy/decide.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::policy {

/// JSON with the fields of MESSAGES "explain --json", two spaces of indentation, a newline at the end. `decision` must
/// be Decide(policy, facts). Any thread.
[[nodiscard]] std::string ExplainJson(const Policy* policy, const Facts& facts, const Decision& decision);
/// The same for people.
[[nodiscard]] std::string ExplainText(const Policy* policy, const Facts& facts, const Decision& decision);

}  // namespace henb::policy
