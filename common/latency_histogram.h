// How long something took, counted in fixed classes.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace henb::common {

/// Any thread; Note is a few additions without a lock.
class LatencyHistogram {
 public:
  /// Upper bounds of the classes in microseconds; what took longer is in one more.
  static constexpr std::array<std::int64_t, 11> kBounds = {500,    1'000,   2'000,   5'000,     10'000,   20'000,
                                                           50'000, 100'000, 500'000, 1'000'000, 5'000'000};
  [[nodiscard]] static absl::Duration Bound(std::size_t index) { return absl::Microseconds(kBounds[index]); }

  struct Snapshot {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  ///< Of each class by itself.
    absl::Duration sum;
  };

  void Note(absl::Duration took) {
    const std::int64_t micros = absl::ToInt64Microseconds(took);
    const auto at = std::lower_bound(kBounds.begin(), kBounds.end(), micros) - kBounds.begin();
    counts_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(absl::ToInt64Nanoseconds(took), std::memory_order_relaxed);
  }
  [[nodiscard]] Snapshot Read() const {
    Snapshot snapshot;
    for (std::size_t i = 0; i < counts_.size(); ++i) snapshot.counts[i] = counts_[i].load(std::memory_order_relaxed);
    snapshot.sum = absl::Nanoseconds(sum_ns_.load(std::memory_order_relaxed));
    return snapshot;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<std::int64_t> sum_ns_{0};
};

}  // namespace henb::common
