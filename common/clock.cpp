#include "common/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace henb::common {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::Steady() const {
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return absl::DurationFromTimespec(ts);
}

}  // namespace henb::common
