// R50: what one HeNB may ask for, and that it says nothing about another's share.
#include "keydist-server/service/call_quota.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "common/log.h"
#include "common/strings.h"

namespace henb::keydist::service {
namespace {

using Kind = CallQuota::Kind;

constexpr QuotaLimits kLimits{.calls_per_second = 10, .burst = 100, .concurrent = 2, .watches = 1};
constexpr absl::Duration kNow = absl::Hours(1);

CallerIdentity Caller(std::string_view id, std::string_view anchor = "anchor") {
  return {common::Sha256Digest::Of(anchor), *common::HenbId::Parse(id)};
}

TEST(CallQuota, R50OneThatFloodsLeavesTheOthersTheirs) {
  CallQuota quota(kLimits);
  const auto flooder = Caller("a.example");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(quota.Admit(flooder, Kind::kOnce, 1, kNow).granted) << i;
  const auto refused = quota.Admit(flooder, Kind::kOnce, 64, kNow);
  EXPECT_FALSE(refused.granted);
  EXPECT_EQ(refused.retry_after, absl::Milliseconds(6400));
  EXPECT_TRUE(quota.Admit(Caller("b.example"), Kind::kOnce, 100, kNow).granted);
  EXPECT_TRUE(quota.Admit(flooder, Kind::kOnce, 64, kNow + refused.retry_after).granted);
  EXPECT_EQ(quota.refused(), 1U);
}

TEST(CallQuota, R50TheSameNameUnderAnotherAnchorIsAnotherCaller) {
  CallQuota quota(kLimits);
  ASSERT_TRUE(quota.Admit(Caller("a.example", "stranger"), Kind::kOnce, 100, kNow).granted);
  EXPECT_FALSE(quota.Admit(Caller("a.example", "stranger"), Kind::kOnce, 1, kNow).granted);
  EXPECT_TRUE(quota.Admit(Caller("a.example"), Kind::kOnce, 100, kNow).granted);
}

TEST(CallQuota, CallsAtATimeAreBoundedUntilTheyEnd) {
  CallQuota quota(kLimits);
  const auto a = Caller("a.example");
  auto first = quota.Admit(a, Kind::kCall, 1, kNow);
  auto second = quota.Admit(a, Kind::kCall, 1, kNow);
  ASSERT_TRUE(first.granted && second.granted);
  const auto third = quota.Admit(a, Kind::kCall, 1, kNow);
  EXPECT_FALSE(third.granted);
  EXPECT_GT(third.retry_after, absl::ZeroDuration());
  EXPECT_TRUE(quota.Admit(a, Kind::kWatch, 1, kNow).granted) << "streams are counted apart";
  first.slot = CallQuota::Slot();
  const CallQuota::Slot moved = std::move(second.slot);
  EXPECT_TRUE(quota.Admit(a, Kind::kCall, 1, kNow).granted);
}

TEST(CallQuota, ARefusalTakesNothing) {
  CallQuota quota(kLimits);
  const auto a = Caller("a.example");
  const auto stream = quota.Admit(a, Kind::kWatch, 1, kNow);
  ASSERT_TRUE(stream.granted);
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(quota.Admit(a, Kind::kWatch, 1, kNow).granted);
  EXPECT_TRUE(quota.Admit(a, Kind::kOnce, 99, kNow).granted);
}

TEST(CallQuota, R50IdleCallersAreForgottenAndBusyOnesAreNot) {
  CallQuota quota(kLimits);
  const auto busy = Caller("busy.example");
  const auto open = quota.Admit(busy, Kind::kWatch, 1, kNow);
  ASSERT_TRUE(open.granted);
  absl::Duration now = kNow;
  for (int i = 0; i < 200'000; ++i) {
    now += absl::Milliseconds(1);  // Whoever asked once is full again after 100 ms.
    ASSERT_TRUE(quota.Admit(Caller(common::StrCat("h", i, ".example")), Kind::kOnce, 1, now).granted);
  }
  EXPECT_LE(quota.callers(), 64U * 65U);
  EXPECT_FALSE(quota.Admit(busy, Kind::kWatch, 1, now).granted) << "its stream is still open";
}

TEST(CallQuota, RefusalsAreLoggedOnceASecond) {
  std::vector<std::string> lines;
  common::SetLogSinkForTest([&](std::string_view line) { lines.emplace_back(line); });
  CallQuota quota(kLimits);
  for (int i = 0; i < 1000; ++i) {
    (void)quota.Admit(Caller(common::StrCat("h", i, ".example")), Kind::kOnce, 101, kNow + i * absl::Milliseconds(2));
  }
  common::SetLogSinkForTest(nullptr);
  EXPECT_EQ(quota.refused(), 1000U);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], ::testing::HasSubstr("caller_over_quota"));
  EXPECT_THAT(lines[0], ::testing::HasSubstr("h0.example"));
}

TEST(CallQuota, ManyThreadsGetTheBurstTogether) {
  CallQuota quota({.calls_per_second = 1, .burst = 10'000, .concurrent = 4, .watches = 1});
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) granted += quota.Admit(Caller("a.example"), Kind::kCall, 1, kNow).granted ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted, 10'000);
}

}  // namespace
}  // namespace henb::keydist::service
