// Growing delays between attempts, spread.
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "common/random.h"

namespace henb::common {

/// For attempts that many devices make for the same reason, such as to come back to a server that was gone. Each delay
/// lies anywhere between a quarter of a window and all of it; windows double from `first` to `most`. So devices that
/// fail in the same moment come back over three quarters of a window, not together. One thread.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration most) : first_(first), most_(most) {}

  [[nodiscard]] absl::Duration Next(Random& random) {
    constexpr int kEnough = 20;
    const absl::Duration window = std::min(most_, first_ * static_cast<double>(1U << std::min(attempts_, kEnough)));
    ++attempts_;
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
