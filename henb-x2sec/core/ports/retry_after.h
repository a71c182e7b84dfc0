// When a service that refused a call wants to be asked again.
#pragma once

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"

namespace henb::x2sec::core {

inline constexpr char kRetryAfter[] = "henb-x2sec/retry-after";

/// `status` (not OK) with the time that the service named.
[[nodiscard]] inline absl::Status WithRetryAfter(absl::Status status, absl::Duration after) {
  status.SetPayload(kRetryAfter, absl::Cord(absl::FormatDuration(after)));
  return status;
}

/// Zero when it named none.
[[nodiscard]] inline absl::Duration RetryAfterOf(const absl::Status& status) {
  absl::Duration after;
  const auto text = status.GetPayload(kRetryAfter);
  if (!text || !absl::ParseDuration(std::string(*text), &after)) return absl::ZeroDuration();
  return std::max(after, absl::ZeroDuration());
}

}  // namespace henb::x2sec::core
