// How key changes ended.
#pragma once

#include <cstdint>

namespace henb::x2sec::app {

/// Counts since the daemon started.
struct KeyChangeCounts {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;  ///< The old SA stayed.
};

}  // namespace henb::x2sec::app
