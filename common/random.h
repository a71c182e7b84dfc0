// Randomness is injected.
#pragma once

#include <cstdint>
#include <span>

#include "absl/time/time.h"

namespace henb::common {

/// Source of random octets. Implementations may be called from any thread.
class Random {
 public:
  virtual ~Random() = default;
  /// Fills `out` with octets fit for keys and nonces. Aborts the process when the system has none: nothing safe can
  /// follow.
  virtual void Fill(std::span<std::uint8_t> out) = 0;

  /// Uniform in [0, bound); bound > 0.
  [[nodiscard]] std::uint64_t Below(std::uint64_t bound);
  /// `base` moved by up to ±fraction, for retries and schedules.
  [[nodiscard]] absl::Duration Jitter(absl::Duration base, double fraction);
};

/// getrandom(2).
class SystemRandom final : public Random {
 public:
  void Fill(std::span<std::uint8_t> out) override;
};

/// For tests: a fixed sequence from a seed (splitmix64). Not for keys.
class FakeRandom final : public Random {
 public:
  explicit FakeRandom(std::uint64_t seed = 1) : state_(seed) {}
  void Fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

}  // namespace henb::common
