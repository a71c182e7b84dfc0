// Facts about the device's own condition. They can turn a decision into BLOCK and nothing else.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/clock.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "policy/facts.h"

namespace henb::x2sec::app {

/// Clock floor (R57): build date, the last time saved in state_dir/clock-floor, the newest verified notBefore. Loop
/// thread.
class HealthMonitor {
 public:
  HealthMonitor(const Config& config, const common::Clock& clock);
  /// Raises the floor by something verified.
  void RaiseFloor(absl::Time not_before);
  /// Saves the floor now and then (once an hour): called by the slow timer; with `now`, at the end of the daemon. A
  /// clock that was ahead when it was saved is held against later until it is passed or state_dir/clock-floor is
  /// deleted (doctor says so).
  void Save(bool now = false);
  /// Backhaul is up when the kernel holds an inbound and an outbound SA of its reqid, or of `moved_reqid`, or policy
  /// trusts it, or none is configured.
  void Look(const core::KernelSnapshot& kernel, bool backhaul_trusted, std::optional<int> moved_reqid = std::nullopt);
  [[nodiscard]] const policy::Health& health() const { return health_; }
  [[nodiscard]] absl::Time floor() const { return floor_; }

 private:
  void JudgeClock();
  const Config& config_;
  const common::Clock& clock_;
  absl::Time saved_;  // In state_dir/clock-floor.
  absl::Time floor_;
  std::optional<absl::Duration> saved_at_;  // Steady clock.
  bool complained_ = false;
  policy::Health health_;
};

}  // namespace henb::x2sec::app
