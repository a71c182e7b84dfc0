#include "common/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace henb::common {

std::uint64_t Random::Below(std::uint64_t bound) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = 0;
  do {
    Fill({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
  } while (value >= limit);
  return value % bound;
}

absl::Duration Random::Jitter(absl::Duration base, double fraction) {
  constexpr std::uint64_t kSteps = 1U << 20;
  const double unit = static_cast<double>(Below(kSteps)) / static_cast<double>(kSteps) * 2.0 - 1.0;
  return base + base * (unit * fraction);
}

void SystemRandom::Fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void FakeRandom::Fill(std::span<std::uint8_t> out) {
  for (std::uint8_t& byte : out) {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    byte = static_cast<std::uint8_t>(z >> 56);
  }
}

}  // namespace henb::common
