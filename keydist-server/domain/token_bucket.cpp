#include "keydist-server/domain/token_bucket.h"

#include <algorithm>

namespace henb::keydist::domain {

Draw Take(const TokenBucket& bucket, const BucketLimits& limits, absl::Duration now, std::int64_t cost) {
  if (cost > limits.burst) return {.after = bucket, .granted = false, .wait = absl::InfiniteDuration()};
  const absl::Duration missing = std::max(bucket.full_at - now, absl::ZeroDuration()) + cost * limits.refill;
  const absl::Duration most = limits.burst * limits.refill;
  if (missing > most) return {.after = bucket, .granted = false, .wait = missing - most};
  return {.after = {.full_at = now + missing}, .granted = true, .wait = absl::ZeroDuration()};
}

}  // namespace henb::keydist::domain
