#include "keydist-server/domain/token_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace henb::keydist::domain {
namespace {

constexpr BucketLimits kLimits{.refill = absl::Milliseconds(100), .burst = 10};
constexpr absl::Duration kNow = absl::Hours(1000);

TEST(TokenBucket, R50GivesTheBurstAndNotOneMore) {
  const Draw all = Take({}, kLimits, kNow, 10);
  ASSERT_TRUE(all.granted);
  const Draw more = Take(all.after, kLimits, kNow, 1);
  EXPECT_FALSE(more.granted);
  EXPECT_EQ(more.after, all.after);
  EXPECT_EQ(more.wait, absl::Milliseconds(100));
}

TEST(TokenBucket, TheWaitItNamesIsExact) {
  const Draw all = Take({}, kLimits, kNow, 10);
  const Draw refused = Take(all.after, kLimits, kNow + absl::Milliseconds(30), 4);
  ASSERT_EQ(refused.wait, absl::Milliseconds(370));
  EXPECT_FALSE(Take(all.after, kLimits, kNow + absl::Milliseconds(399), 4).granted);
  EXPECT_TRUE(Take(all.after, kLimits, kNow + absl::Milliseconds(400), 4).granted);
}

TEST(TokenBucket, AQuietTimeFillsItToTheBurstOnly) {
  const Draw all = Take({}, kLimits, kNow, 10);
  EXPECT_TRUE(Take(all.after, kLimits, kNow + absl::Hours(1), 10).granted);
  EXPECT_FALSE(Take(all.after, kLimits, kNow + absl::Hours(1), 11).granted);
}

TEST(TokenBucket, MoreThanTheBurstIsNeverGranted) {
  const Draw draw = Take({}, kLimits, kNow, 11);
  EXPECT_FALSE(draw.granted);
  EXPECT_EQ(draw.wait, absl::InfiniteDuration());
}

// Against a bucket that counts its tokens one by one.
TEST(TokenBucket, R50AgreesWithANaiveBucketOverRandomDraws) {
  std::mt19937 random(7);  // NOLINT: the same draws in each run.
  TokenBucket bucket;
  std::int64_t tokens_ms = 10 * 100;  // Tokens in units of a hundredth.
  absl::Duration now = kNow;
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    const int pause = static_cast<int>(random() % 300);
    const std::int64_t cost = 1 + static_cast<std::int64_t>(random() % 4);
    now += absl::Milliseconds(pause);
    tokens_ms = std::min<std::int64_t>(1000, tokens_ms + pause);
    const bool expected = tokens_ms >= cost * 100;
    if (expected) tokens_ms -= cost * 100;
    const Draw draw = Take(bucket, kLimits, now, cost);
    ASSERT_EQ(draw.granted, expected) << "draw " << i;
    bucket = draw.after;
    refused += expected ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace henb::keydist::domain
