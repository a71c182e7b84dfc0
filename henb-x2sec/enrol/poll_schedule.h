// When a CA that said "waiting" is asked again (RFC 4210 §5.3.22; R35).
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "common/random.h"

namespace henb::x2sec::enrol {

inline constexpr absl::Duration kLongestPollDelay = absl::Seconds(30);
/// Kept of the total time for the last question, or for telling the CA that nobody asks any more.
inline constexpr absl::Duration kPollReserve = absl::Seconds(2);

/// Before question number `polls` + 1, when the CA said to come back after `check_after` and `left` of the total time
/// is left: what the CA says, but at least 1, 2, 4 … s, and at most 30 s, so that no answer can put us to sleep; up to
/// a quarter more by chance. Shortened so that one last question fits. Zero or less: the time is up.
[[nodiscard]] inline absl::Duration PollDelay(absl::Duration check_after, int polls, absl::Duration left,
                                              common::Random& random) {
  const absl::Duration floor = absl::Seconds(1 << std::clamp(polls - 1, 0, 5));
  const absl::Duration delay = std::min(std::max(check_after, floor), kLongestPollDelay);
  return std::min(delay + random.Jitter(delay / 8, 1.0), left - kPollReserve);
}

}  // namespace henb::x2sec::enrol
