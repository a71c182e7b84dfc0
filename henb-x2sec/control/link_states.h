// The names of a link's states.
#pragma once

#include <array>
#include <string_view>

namespace henb::x2sec::control {

inline constexpr std::array<std::string_view, 7> kLinkStates = {"BLOCKED", "ENROLLING",  "KEYING", "UP_CERT",
                                                                "UP_PSK",  "UP_TRUSTED", "FAILED"};

/// Any `UP_…`.
inline constexpr std::string_view kAnyUp = "UP";

[[nodiscard]] constexpr bool IsWaitableState(std::string_view wanted) {
  if (wanted == kAnyUp) return true;
  for (const std::string_view state : kLinkStates) {
    if (wanted == state) return true;
  }
  return false;
}

/// Whether a link in `state` is where somebody who waits for `wanted` wants it.
[[nodiscard]] constexpr bool StateMatches(std::string_view state, std::string_view wanted) {
  return state == wanted || (wanted == kAnyUp && state.starts_with("UP_"));
}

}  // namespace henb::x2sec::control
