#include "keydist-server/domain/flood_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::keydist::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr BucketLimits kLimits{.refill = absl::Milliseconds(10), .burst = 100};  // 100 a second.
constexpr absl::Duration kNow = absl::Hours(5);

std::vector<std::string> Look(FloodJudge& judge, std::vector<OpenedCalls> all, absl::Duration after) {
  return judge.Look(all, kNow + after);
}

TEST(FloodJudge, R50NamesTheOneThatOpensMoreThanItMay) {
  FloodJudge judge(kLimits);
  EXPECT_THAT(Look(judge, {{"a", 5'000'000}, {"b", 0}}, {}), IsEmpty()) << "what was before is not known";
  EXPECT_THAT(Look(judge, {{"a", 5'000'100}, {"b", 99}}, absl::Milliseconds(1)), IsEmpty()) << "the burst";
  EXPECT_THAT(Look(judge, {{"a", 5'000'110}, {"b", 100}}, absl::Milliseconds(50)), ElementsAre("a"));
}

TEST(FloodJudge, TheRateIsEverybodysForEver) {
  FloodJudge judge(kLimits);
  for (int tenth = 0; tenth < 1000; ++tenth) {
    EXPECT_THAT(Look(judge, {{"a", 10ULL * tenth}}, absl::Milliseconds(100) * tenth), IsEmpty()) << tenth;
  }
  EXPECT_THAT(Look(judge, {{"a", 10'000 + 200}}, absl::Milliseconds(100) * 1001), ElementsAre("a"));
}

TEST(FloodJudge, OneThatIsGoneIsForgotten) {
  FloodJudge judge(kLimits);
  EXPECT_THAT(Look(judge, {{"a", 0}}, {}), IsEmpty());
  EXPECT_THAT(Look(judge, {{"a", 100}}, absl::Milliseconds(1)), IsEmpty());
  EXPECT_THAT(Look(judge, {}, absl::Milliseconds(2)), IsEmpty());
  EXPECT_THAT(Look(judge, {{"a", 0}}, absl::Milliseconds(3)), IsEmpty()) << "another one under the same name";
  EXPECT_THAT(Look(judge, {{"a", 100}}, absl::Milliseconds(4)), IsEmpty());
}

}  // namespace
}  // namespace henb::keydist::domain
