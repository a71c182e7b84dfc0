// What x2sec-guard does, over the ports.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/guard/nft_guard.h"

namespace henb::x2sec::guard {

struct InstallReport {
  enum class Table { kInstalled, kKept, kReset };
  Table table = Table::kInstalled;
  /// kKept, and its rules are not those of this configuration (another configuration, or somebody's change).
  bool differs = false;
};

/// Table first, then belt; the second is tried even if the first fails. A table that is there is kept, whoever it
/// admits, since x2secd may be running; with `reset` it is closed.
[[nodiscard]] absl::StatusOr<InstallReport> Install(NftGuard& guard, core::KernelIpsec& kernel,
                                                    const core::GuardSpec& closed, bool reset);

struct StatusReport {
  bool table_there = false;
  bool rules_whole = false;  ///< Chains and rules are those of the configuration.
  bool belt_whole = false;
  std::map<std::string, std::size_t> elements;   ///< How many, by set: "admitted4", ….
  std::map<std::string, std::uint64_t> dropped;  ///< Packets, by counter.
  std::size_t pins = 0;
  std::size_t broken_pins = 0;
  std::size_t clear_pairs = 0;

  [[nodiscard]] bool in_place() const { return rules_whole && belt_whole; }
};
[[nodiscard]] absl::StatusOr<StatusReport> Look(NftGuard& guard, core::KernelIpsec& kernel,
                                                const core::GuardSpec& closed);

[[nodiscard]] std::string StatusTable(const StatusReport& report);
[[nodiscard]] std::string StatusJson(const StatusReport& report);

}  // namespace henb::x2sec::guard
