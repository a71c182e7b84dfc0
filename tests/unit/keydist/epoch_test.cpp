#include "keydist-server/domain/epoch.h"

#include <gtest/gtest.h>

#include "common/random.h"

namespace henb::keydist::domain {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);
const EpochSchedule kSchedule{.length = absl::Hours(24), .grace = absl::Hours(2), .prefetch = absl::Hours(1)};

TEST(Epochs, TheFirstIsActiveAtOnce) {
  const EpochPlan plan = PlanEpochs({}, 0, kSchedule, kStart);
  EXPECT_EQ(plan.create, (EpochMark{.number = 1, .activates = kStart}));
  EXPECT_FALSE(plan.current.has_value());
}

TEST(Epochs, TheNextIsMadeAheadForTheEndOfTheCurrent) {
  const std::vector<EpochMark> marks = {{.number = 1, .activates = kStart}};
  EXPECT_FALSE(PlanEpochs(marks, 1, kSchedule, kStart + absl::Hours(23) - absl::Seconds(1)).create);
  const EpochPlan plan = PlanEpochs(marks, 1, kSchedule, kStart + absl::Hours(23));
  EXPECT_EQ(plan.create, (EpochMark{.number = 2, .activates = kStart + absl::Hours(24)}));
  EXPECT_EQ(plan.current->number, 1U);
}

TEST(Epochs, R45TheRootGoesWhenTheGraceTimeIsOver) {
  const std::vector<EpochMark> marks = {{.number = 1, .activates = kStart},
                                        {.number = 2, .activates = kStart + absl::Hours(24)}};
  EXPECT_TRUE(PlanEpochs(marks, 2, kSchedule, kStart + absl::Hours(26) - absl::Seconds(1)).destroy.empty());
  EXPECT_EQ(PlanEpochs(marks, 2, kSchedule, kStart + absl::Hours(26)).destroy, (std::vector<std::uint64_t>{1}));
}

TEST(Epochs, AfterALongSilenceANewOneStartsNow) {
  const std::vector<EpochMark> marks = {{.number = 7, .activates = kStart}};
  const absl::Time later = kStart + absl::Hours(24 * 30);
  EXPECT_EQ(PlanEpochs(marks, 0, kSchedule, later).create, (EpochMark{.number = 8, .activates = later}));
}

TEST(Epochs, AClockThatGoesBackDoesNotBringAnOldEpochBack) {
  const std::vector<EpochMark> marks = {{.number = 1, .activates = kStart},
                                        {.number = 2, .activates = kStart + absl::Hours(24)}};
  EXPECT_EQ(PlanEpochs(marks, 2, kSchedule, kStart + absl::Hours(23)).current->number, 2U);
  EXPECT_EQ(PlanEpochs(marks, 0, kSchedule, kStart + absl::Hours(23)).current->number, 1U);
  EXPECT_EQ(PlanEpochs(marks, 0, kSchedule, kStart - absl::Hours(23)).current->number, 1U);
}

/// A service with a wandering clock, stopped and started at random: the invariants hold in every step.
TEST(Epochs, NumbersOnlyGrowAndTheCurrentRootIsNeverDestroyed) {
  common::FakeRandom random(11);
  for (int run = 0; run < 200; ++run) {
    std::vector<EpochMark> marks;
    std::uint64_t served = 0;
    absl::Time now = kStart;
    for (int step = 0; step < 200; ++step) {
      now += absl::Minutes(static_cast<int>(random.Below(600)));
      if (random.Below(20) == 0) now -= absl::Hours(static_cast<int>(random.Below(30)));
      if (random.Below(20) == 0) served = 0;  // A restart.
      EpochPlan plan = PlanEpochs(marks, served, kSchedule, now);
      if (plan.create) {
        ASSERT_EQ(plan.create->number, marks.size() + 1);
        if (!marks.empty()) {
          ASSERT_GE(plan.create->activates, marks.back().activates);
        }
        marks.push_back(*plan.create);
        plan = PlanEpochs(marks, served, kSchedule, now);
      }
      ASSERT_TRUE(plan.current.has_value());
      ASSERT_FALSE(marks[plan.current->number - 1].destroyed);
      ASSERT_GE(plan.current->number, served);
      for (const std::uint64_t number : plan.destroy) {
        ASSERT_LT(number, plan.current->number);
        ASSERT_LE(marks[number].activates + kSchedule.grace, now);
        marks[number - 1].destroyed = true;
      }
      served = std::max(served, plan.current->number);
    }
  }
}

TEST(Epochs, RefusesAScheduleThatDoesNotFit) {
  EXPECT_TRUE(CheckSchedule(kSchedule).ok());
  EXPECT_FALSE(CheckSchedule({.length = absl::Hours(3), .grace = absl::Hours(2), .prefetch = absl::Hours(1)}).ok());
  EXPECT_FALSE(CheckSchedule({.length = absl::Hours(3), .grace = absl::Hours(-2), .prefetch = absl::Hours(1)}).ok());
  EXPECT_FALSE(
      CheckSchedule({.length = absl::Hours(3), .grace = absl::Hours(1), .prefetch = absl::ZeroDuration()}).ok());
}

}  // namespace
}  // namespace henb::keydist::domain
