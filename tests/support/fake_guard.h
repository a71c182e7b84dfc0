// A guard in memory.
#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "henb-x2sec/core/ports/guard.h"

namespace henb::tests {

/// Behaves as NftGuard does towards its caller (tests/conformance/guard), but believes every spec. Tests play somebody
/// else by Flush, and a failing nft by `failure`. One thread.
class FakeGuard final : public x2sec::core::Guard {
 public:
  absl::Status failure;  ///< Answer of every call while it is not OK.
  x2sec::core::GuardCounters counters;
  std::vector<x2sec::core::GuardSpec> applied;  ///< Every spec that was applied, in their order.

  absl::Status Apply(const x2sec::core::GuardSpec& spec) override {
    if (!failure.ok()) return failure;
    if (spec.ports.empty()) return absl::InvalidArgumentError("guard: no protected port");
    applied.push_back(spec);
    table_ = spec;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> InPlace(const x2sec::core::GuardSpec& spec) override {
    if (!failure.ok()) return failure;
    return table_ == spec;
  }
  absl::StatusOr<x2sec::core::GuardCounters> Counters() override {
    if (!failure.ok()) return failure;
    if (!table_) return absl::NotFoundError("there is no guard");
    return counters;
  }
  int event_fd() const override { return -1; }
  bool ReadEvents() override { return changed_.exchange(false); }

  /// "nft flush ruleset".
  void Flush() {
    table_.reset();
    changed_ = true;
  }
  /// What the kernel holds now.
  [[nodiscard]] const std::optional<x2sec::core::GuardSpec>& table() const { return table_; }

 private:
  std::optional<x2sec::core::GuardSpec> table_;
  std::atomic<bool> changed_ = false;
};

}  // namespace henb::tests
