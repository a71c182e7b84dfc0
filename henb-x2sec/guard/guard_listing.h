// Reading back what `nft list table` prints. Pure.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "henb-x2sec/guard/guard_table.h"

namespace henb::x2sec::guard {

struct Listing {
  TableContent table;  ///< Comparable with Render's.
  CounterValues counters;
};

/// InvalidArgument when the text does not end as it began (an unclosed list of elements, no closing brace).
[[nodiscard]] absl::StatusOr<Listing> ParseListing(std::string_view text);

}  // namespace henb::x2sec::guard
