// Time is injected.
#pragma once

#include <atomic>
#include <chrono>

#include "absl/time/time.h"

namespace henb::common {

/// Where time comes from. Implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Calendar time; may jump.
  [[nodiscard]] virtual absl::Time Now() const = 0;
  /// Never jumps; its zero means nothing. CLOCK_BOOTTIME, so that a suspended device ages its SAs.
  [[nodiscard]] virtual absl::Duration Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] absl::Time Now() const override;
  [[nodiscard]] absl::Duration Steady() const override;
};

/// For tests: stands still until told.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'800'000'000)) : now_ns_(absl::ToUnixNanos(now)) {}
  [[nodiscard]] absl::Time Now() const override { return absl::FromUnixNanos(now_ns_.load()); }
  [[nodiscard]] absl::Duration Steady() const override { return absl::Nanoseconds(steady_ns_.load()); }
  void Advance(absl::Duration by) {
    now_ns_ += absl::ToInt64Nanoseconds(by);
    steady_ns_ += absl::ToInt64Nanoseconds(by);
  }
  /// Only the calendar jumps.
  void SetNow(absl::Time now) { now_ns_ = absl::ToUnixNanos(now); }

 private:
  std::atomic<std::int64_t> now_ns_;
  std::atomic<std::int64_t> steady_ns_{1'000'000'000};
};

}  // namespace henb::common
