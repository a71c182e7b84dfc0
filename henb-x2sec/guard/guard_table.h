// What the guard's table says for a GuardSpec, as nftables text. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/guard.h"

namespace henb::x2sec::guard {

inline constexpr std::string_view kTableName = "x2sec";

using Elements =
    std::map<std::string, std::set<std::string>>;  ///< By the name of their set; every set of the table has its entry.

struct CounterValue {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const CounterValue&, const CounterValue&) = default;
};
using CounterValues = std::map<std::string, CounterValue>;

/// The table, taken apart. Text is exactly what nft 1.0.6 prints, so that a listing can be compared with it.
struct TableContent {
  std::string structure;  ///< Sets without elements, counters at zero, chains and rules.
  Elements elements;
  friend bool operator==(const TableContent&, const TableContent&) = default;
};

/// Only typed values get into the text: addresses, numbers, interface names of letters, digits, '.', '_' and '-' (at
/// most 15). InvalidArgument: no port, a reqid outside 1…16379, a neighbour with the backhaul's reqid (its X2 would
/// pass inside the backhaul), an interface name of other characters, a trusted peer outside its network, core networks
/// without a backhaul reqid.
[[nodiscard]] absl::StatusOr<TableContent> Render(const core::GuardSpec& spec);

/// nft commands, one transaction: whatever there is replaced by `table`, its counters going on from `counters`.
[[nodiscard]] std::string ReplaceScript(const TableContent& table, const CounterValues& counters);
/// nft commands, one transaction, that make the elements `there` into `wanted`, no rule touched; empty when they are
/// equal.
[[nodiscard]] std::string UpdateScript(const Elements& there, const Elements& wanted);

}  // namespace henb::x2sec::guard
