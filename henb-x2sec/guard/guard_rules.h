// The guard's sets, counters, chains and rules as nftables text. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "henb-x2sec/core/ports/guard.h"
#include "henb-x2sec/guard/guard_table.h"

namespace henb::x2sec::guard {

/// "admitted4", "admitted6", …: every set of the table.
[[nodiscard]] std::vector<std::string> SetNames();

/// The block of one named counter, as nft prints it.
[[nodiscard]] std::string CounterBlock(std::string_view name, const CounterValue& value);

/// The whole table without elements. `spec` has been checked.
[[nodiscard]] std::string RenderStructure(const core::GuardSpec& spec);

}  // namespace henb::x2sec::guard
