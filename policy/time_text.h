// Times as they stand in JSON and messages.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace henb::policy {

/// RFC 3339 in UTC to the second: "2026-01-31T12:00:00Z".
[[nodiscard]] inline std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace henb::policy
