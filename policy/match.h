// Whether a rule's match holds for the facts.
#pragma once

#include "policy/decide.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::policy {

/// The first field that does not hold, in the order of MESSAGES; kNone when all hold. A fact that is not known matches
/// no list. `networks` holds when every X2 address lies in one of them; in a rule that blocks, when any does.
[[nodiscard]] MatchField FirstFailedField(const Rule& rule, const NeighbourFacts& neighbour, const SelfFacts& self);

}  // namespace henb::policy
