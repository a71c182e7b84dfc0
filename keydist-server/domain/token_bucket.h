// How much one caller may still ask for (R50). Pure.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace henb::keydist::domain {

/// `burst` tokens at most, one more every `refill`. Both positive.
struct BucketLimits {
  absl::Duration refill;
  std::int64_t burst = 1;
};

/// A token bucket as one point in time: when it is full again. A bucket that nobody drew from is full.
struct TokenBucket {
  absl::Duration full_at;  ///< On the clock that `now` is taken from, one that never jumps.
  friend bool operator==(const TokenBucket&, const TokenBucket&) = default;
};

struct Draw {
  TokenBucket after;  ///< As before when nothing was granted.
  bool granted = false;
  absl::Duration wait;  ///< When not granted: until there are tokens enough, if nobody else draws.
};

/// Takes `cost` tokens or none. More than `burst` are never granted; `wait` is then infinite.
[[nodiscard]] Draw Take(const TokenBucket& bucket, const BucketLimits& limits, absl::Duration now, std::int64_t cost);

}  // namespace henb::keydist::domain
