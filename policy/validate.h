// Judges a policy that has been read.
#pragma once

#include "policy/policy.h"
#include "policy/problem.h"

namespace henb::policy {

/// Adds what must not be: contradictions, rules that can never match because an earlier one matches whatever they
/// match, TRUSTED without interface and network or beside other methods (R2), PSK for eNBs (R42), replay window 0
/// (R12), dates and versions that make no sense. Warns of what is strange but harmless. Any thread.
void Validate(const Policy& policy, Problems* problems);

/// Every neighbour that `later` matches is matched by `earlier` too.
[[nodiscard]] bool Shadows(const Rule& earlier, const Rule& later);

}  // namespace henb::policy
