#include "henb-x2sec/guard/program/commands.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/status.h"
#include "common/text_table.h"

namespace henb::x2sec::guard {
namespace {

/// Whether rules and hooks are those of `closed`, which nobody's elements change: by a guard with the same elements.
absl::StatusOr<bool> RulesAreOf(const core::GuardSpec& closed, const Listing& listing) {
  ASSIGN_OR_RETURN(const TableContent wanted, Render(closed));
  if (wanted.structure == listing.table.structure) return true;
  // x2secd leaves the rules of the backhaul-only services out where signed policy trusts the backhaul.
  core::GuardSpec trusted = closed;
  trusted.backhaul_trusted = true;
  ASSIGN_OR_RETURN(const TableContent with_trust, Render(trusted));
  return with_trust.structure == listing.table.structure;
}

absl::StatusOr<InstallReport> InstallTable(NftGuard& guard, const core::GuardSpec& closed, bool reset) {
  InstallReport report;
  const auto there = guard.List();
  const bool unreadable = there.status().code() == absl::StatusCode::kInvalidArgument;
  if (!there.ok() && !unreadable) return there.status();
  const bool is_there = unreadable || there->has_value();
  if (is_there && !reset) {
    report.table = InstallReport::Table::kKept;
    report.differs = unreadable;
    if (!unreadable) {
      ASSIGN_OR_RETURN(const bool same, RulesAreOf(closed, **there));
      report.differs = !same;
    }
    return report;
  }
  report.table = is_there ? InstallReport::Table::kReset : InstallReport::Table::kInstalled;
  RETURN_IF_ERROR(guard.Apply(closed));
  return report;
}

std::string Yes(bool value) { return value ? "yes" : "NO"; }

}  // namespace

absl::StatusOr<InstallReport> Install(NftGuard& guard, core::KernelIpsec& kernel, const core::GuardSpec& closed,
                                      bool reset) {
  auto report = InstallTable(guard, closed, reset);
  const absl::Status belt = kernel.InstallBelt();
  RETURN_IF_ERROR(report.status());
  RETURN_IF_ERROR(belt);
  return report;
}

absl::StatusOr<StatusReport> Look(NftGuard& guard, core::KernelIpsec& kernel, const core::GuardSpec& closed) {
  StatusReport report;
  const auto listing = guard.List();
  const bool unreadable = listing.status().code() == absl::StatusCode::kInvalidArgument;
  if (!listing.ok() && !unreadable) return listing.status();
  report.table_there = unreadable || listing->has_value();
  if (!unreadable && report.table_there) {
    ASSIGN_OR_RETURN(report.rules_whole, RulesAreOf(closed, **listing));
    for (const auto& [set, elements] : (*listing)->table.elements) report.elements[set] = elements.size();
    for (const auto& [counter, value] : (*listing)->counters) report.dropped[counter] = value.packets;
  }
  ASSIGN_OR_RETURN(const core::KernelSnapshot snapshot, kernel.Snapshot());
  report.belt_whole = snapshot.belt_whole;
  report.pins = snapshot.pins.size();
  report.broken_pins = snapshot.broken_pins.size();
  report.clear_pairs = snapshot.clear_pairs.size() + snapshot.broken_clear_pairs.size();
  return report;
}

std::string StatusTable(const StatusReport& report) {
  common::TextTable table({"WHAT", "STATE"});
  table.Add({"table inet x2sec", Yes(report.table_there)});
  table.Add({"its rules as configured", Yes(report.rules_whole)});
  table.Add({"second belt (XFRM)", Yes(report.belt_whole)});
  for (const auto& [set, count] : report.elements) table.Add({common::StrCat("set ", set), common::StrCat(count)});
  for (const auto& [counter, packets] : report.dropped) table.Add({counter, common::StrCat(packets, " packets")});
  table.Add({"pins", common::StrCat(report.pins, " whole, ", report.broken_pins, " broken")});
  table.Add({"pairs in clear", common::StrCat(report.clear_pairs)});
  return table.Render();
}

std::string StatusJson(const StatusReport& report) {
  const nlohmann::ordered_json json = {{"in_place", report.in_place()},
                                       {"table_there", report.table_there},
                                       {"rules_whole", report.rules_whole},
                                       {"belt_whole", report.belt_whole},
                                       {"elements", report.elements},
                                       {"dropped", report.dropped},
                                       {"pins", report.pins},
                                       {"broken_pins", report.broken_pins},
                                       {"clear_pairs", report.clear_pairs}};
  return json.dump(2) + "\n";
}

}  // namespace henb::x2sec::guard
