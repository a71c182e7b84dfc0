// The mark by which a connection in pluto is known to be as wanted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace henb::x2sec::pluto {

/// 1…2^30-1 out of SHA-256 over whack's words for a connection (name, ends, suites, timers; no secrets). It is given to
/// pluto as the connection's routing metric, which pluto lists and hands to its updown script only; we have none. Any
/// thread.
[[nodiscard]] std::uint32_t FingerprintOf(const std::vector<std::string>& words);

}  // namespace henb::x2sec::pluto
