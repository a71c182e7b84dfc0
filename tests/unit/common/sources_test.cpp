// Where time and randomness come from.
#include <gtest/gtest.h>

#include <set>

#include "common/clock.h"
#include "common/random.h"
#include "common/unique_fd.h"

namespace henb::common {
namespace {

TEST(Clock, FakeMovesOnlyWhenTold) {
  FakeClock clock;
  const absl::Time now = clock.Now();
  const absl::Duration steady = clock.Steady();
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now() - now, absl::Seconds(3));
  EXPECT_EQ(clock.Steady() - steady, absl::Seconds(3));
  clock.SetNow(now);
  EXPECT_EQ(clock.Now(), now);
  EXPECT_EQ(clock.Steady() - steady, absl::Seconds(3));
}

TEST(Clock, SystemSteadyDoesNotGoBack) {
  const SystemClock clock;
  const absl::Duration a = clock.Steady();
  EXPECT_LE(a, clock.Steady());
  EXPECT_GT(clock.Now(), absl::FromUnixSeconds(1'600'000'000));
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  FakeRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(random.Below(1), 0U);
}

TEST(Random, JitterStaysInItsBounds) {
  FakeRandom random;
  bool earlier = false;
  bool later = false;
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration jittered = random.Jitter(absl::Seconds(10), 0.2);
    EXPECT_GE(jittered, absl::Seconds(8));
    EXPECT_LE(jittered, absl::Seconds(12));
    earlier |= jittered < absl::Seconds(9);
    later |= jittered > absl::Seconds(11);
  }
  EXPECT_TRUE(earlier && later);
}

TEST(Random, SystemOctetsDiffer) {
  SystemRandom random;
  std::array<std::uint8_t, 32> a{};
  std::array<std::uint8_t, 32> b{};
  random.Fill(a);
  random.Fill(b);
  EXPECT_NE(a, b);
  random.Fill({});
}

TEST(Random, FakeRepeatsItself) {
  FakeRandom a(5);
  FakeRandom b(5);
  FakeRandom c(6);
  EXPECT_EQ(a.Below(1U << 30), b.Below(1U << 30));
  EXPECT_NE(a.Below(1U << 30), c.Below(1U << 30));
}

TEST(UniqueFd, ClosesOnceAndMoves) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  UniqueFd a(fds[0]);
  const UniqueFd other(fds[1]);
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a.valid());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(b.get(), fds[0]);
  b.reset();
  EXPECT_FALSE(b.valid());
  char octet = 0;
  EXPECT_EQ(read(fds[0], &octet, 1), -1);
}

}  // namespace
}  // namespace henb::common
