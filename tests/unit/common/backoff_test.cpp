#include "common/backoff.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace henb::common {
namespace {

constexpr int kDevices = 1000;
constexpr absl::Duration kFirst = absl::Seconds(4);
constexpr absl::Duration kMost = absl::Minutes(1);

/// Each device is told at 0 that the server is gone and tries from then on; the first attempts from `back` on, by
/// second.
std::map<std::int64_t, int> ComeBack(absl::Duration back) {
  std::map<std::int64_t, int> by_second;
  for (int device = 0; device < kDevices; ++device) {
    FakeRandom random(static_cast<std::uint64_t>(device) * 7919 + 1);
    Backoff backoff(kFirst, kMost);
    absl::Duration at = backoff.Next(random);
    while (at < back) at += backoff.Next(random);
    ++by_second[absl::ToInt64Seconds(at - back)];
  }
  return by_second;
}

int Most(const std::map<std::int64_t, int>& by_second) {
  int most = 0;
  for (const auto& [second, devices] : by_second) most = std::max(most, devices);
  return most;
}

TEST(Backoff, DelaysGrowAndStayInTheirWindow) {
  FakeRandom random;
  for (int round = 0; round < 100; ++round) {
    Backoff backoff(kFirst, kMost);
    absl::Duration window = kFirst;
    for (int attempt = 0; attempt < 60; ++attempt) {
      const absl::Duration delay = backoff.Next(random);
      EXPECT_GE(delay, window / 4 - absl::Milliseconds(1));
      EXPECT_LE(delay, window + absl::Milliseconds(1));
      window = std::min(kMost, window * 2);
    }
    EXPECT_EQ(backoff.attempts(), 60);
    backoff.Reset();
    EXPECT_LE(backoff.Next(random), kFirst);
  }
}

TEST(Backoff, ADelayDoublesUpToTheMost) {
  const absl::Duration most = absl::Hours(6);
  EXPECT_EQ(DoubledDelay(absl::Seconds(5), -1, most), absl::Seconds(5));
  EXPECT_EQ(DoubledDelay(absl::Seconds(5), 0, most), absl::Seconds(5));
  EXPECT_EQ(DoubledDelay(absl::Seconds(5), 3, most), absl::Seconds(40));
  EXPECT_EQ(DoubledDelay(absl::Seconds(5), 1'000'000, most), most);
}

TEST(Backoff, R49AThousandThatLoseTheServerTogetherDoNotComeBackTogether) {
  const auto blink = ComeBack(absl::ZeroDuration());
  EXPECT_LE(Most(blink), 400) << "over 3 s, however short the server was gone";
  EXPECT_LE(blink.rbegin()->first, 4);
  for (const int away : {10, 30, 60, 300, 3600}) {
    const auto back = ComeBack(absl::Seconds(away));
    EXPECT_LE(Most(back), away < 60 ? 260 : 90) << "away for " << away << " s";
    EXPECT_LE(back.rbegin()->first, 60) << "all are back within the longest window";
  }
}

}  // namespace
}  // namespace henb::common
