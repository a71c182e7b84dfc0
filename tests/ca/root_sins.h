// Misbehaviour about the operator's root: what an answer brings for a device that does not have it yet.
#pragma once

#include <vector>

#include "tests/ca/sin.h"

namespace henb::tests {

[[nodiscard]] const std::vector<NamedSin>& RootSins();

}  // namespace henb::tests
