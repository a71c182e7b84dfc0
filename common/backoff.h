// Growing delays between attempts, spread.
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "common/random.h"

namespace henb::common {

/// `first`, doubled `times` times, at most `most`. Pure.
[[nodiscard]] inline absl::Duration DoubledDelay(absl::Duration first, int times, absl::Duration most) {
  constexpr int kEnough = 20;
  return std::min(most, first * static_cast<double>(1U << std::clamp(times, 0, kEnough)));
}

/// For attempts that many devices make for the same reason, such as to come back to a server that was gone. Each delay
/// lies anywhere between a quarter of a window and all of it; windows double from `first` to `most`. So devices that
/// fail in the same moment come back over three quarters of a window, not together. One thread.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration most) : first_(first), most_(most) {}

  [[nodiscard]] absl::Duration Next(Random& random) {
    const absl::Duration window = DoubledDelay(first_, attempts_++, most_);
    return random.Jitter(window * 0.625, 0.6);
  }
  void Reset() { attempts_ = 0; }
  /// Since the last Reset.
  [[nodiscard]] int attempts() const { return attempts_; }

 private:
  absl::Duration first_;
  absl::Duration most_;
  int attempts_ = 0;
};

}  // namespace henb::common
