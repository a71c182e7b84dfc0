#include "henb-x2sec/core/epoch_schedule.h"

#include <algorithm>

#include "common/backoff.h"

namespace henb::x2sec::core {
namespace {

constexpr absl::Duration kLowerStarts = absl::Seconds(1);
constexpr absl::Duration kHigherStarts = absl::Seconds(20);
constexpr absl::Duration kFirstRetry = absl::Seconds(2);
constexpr absl::Duration kLongestRetry = absl::Minutes(2);

}  // namespace

bool ConnectionsStay(KeyStanding standing, bool carries) {
  return standing == KeyStanding::kGood || (standing == KeyStanding::kExpired && carries);
}

bool AuthenticationCounts(KeyStanding standing) { return standing == KeyStanding::kGood; }

std::optional<absl::Duration> KeyChangeStartsIn(bool link_is_up, bool replaced, bool initiator) {
  if (!link_is_up || !replaced) return std::nullopt;
  return initiator ? kLowerStarts : kHigherStarts;
}

absl::Duration KeyChangeAgainIn(int attempts) { return common::DoubledDelay(kFirstRetry, attempts, kLongestRetry); }

}  // namespace henb::x2sec::core
