#include "keydist-server/domain/replica_clocks.h"

#include <gtest/gtest.h>

#include <vector>

namespace henb::keydist::domain {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'800'000'000);

/// Three replicas, of which the first is judged; each has a clock of its own over one true time.
class Clocks : public ::testing::Test {
 protected:
  /// True time goes on by `step`; who is alive leaves a mark halfway.
  ClockVerdict Look(absl::Duration step = kMarkEvery) {
    const absl::Duration halfway = true_time_ + step / 2;
    for (auto& [name, off, alive] : others) {
      if (!alive) continue;
      for (ReplicaMark& mark : marks) {
        if (mark.name == name) mark.clock = kNoon + halfway + off;
      }
    }
    true_time_ += step;
    const absl::Time now = kNoon + true_time_ + own_off;
    judge.Look(marks, true_time_, true_time_ + absl::Milliseconds(10), now + absl::Milliseconds(10));
    return judge.verdict();
  }
  struct Other {
    std::string name;
    absl::Duration off;
    bool alive = true;
  };
  void Have(std::vector<Other> with) {
    others = std::move(with);
    for (const Other& other : others) {
      marks.push_back({.name = other.name, .instance = 7, .clock = kNoon - absl::Hours(1) + other.off});
    }
  }
  std::vector<Other> others;
  std::vector<ReplicaMark> marks;
  absl::Duration own_off;
  ReplicaClocks judge{"own", 1};

 private:
  absl::Duration true_time_ = absl::Seconds(1000);
};

TEST_F(Clocks, OneAloneAgreesWithItself) { EXPECT_EQ(Look(), ClockVerdict::kAgrees); }

TEST_F(Clocks, MarksLeftJustNowBySameClocksSettleItAtOnce) {
  Have({{"b", absl::Seconds(1)}, {"c", -absl::Seconds(1)}});
  EXPECT_EQ(Look(), ClockVerdict::kAgrees);
}

TEST_F(Clocks, R45OneThatIsOffHoldsStillUntilItKnowsThatItIs) {
  for (const absl::Duration off : {absl::Hours(1), -absl::Hours(1), absl::Hours(24 * 365), absl::Seconds(60)}) {
    others.clear();
    marks.clear();
    judge = ReplicaClocks("own", 1);
    own_off = off;
    Have({{"b", absl::ZeroDuration()}, {"c", absl::ZeroDuration()}});
    EXPECT_EQ(Look(), ClockVerdict::kSettling) << off;
    EXPECT_EQ(Look(), ClockVerdict::kOff) << off;
    own_off = absl::ZeroDuration();
    EXPECT_EQ(Look(), ClockVerdict::kAgrees) << "set right: " << off;
  }
}

TEST_F(Clocks, AnotherThatIsOffDoesNotDisturbTheMajority) {
  Have({{"b", absl::Hours(1)}, {"c", absl::ZeroDuration()}});
  EXPECT_EQ(Look(), ClockVerdict::kAgrees);
  EXPECT_EQ(Look(), ClockVerdict::kAgrees);
}

TEST_F(Clocks, OfTwoThatDisagreeNoneIsBelieved) {
  Have({{"b", absl::Hours(1)}});
  EXPECT_EQ(Look(), ClockVerdict::kSettling);
  EXPECT_EQ(Look(), ClockVerdict::kUndecided);
}

TEST_F(Clocks, SmallDifferencesAndSlowLooksAreNoReason) {
  Have({{"b", absl::Seconds(4)}, {"c", -absl::Seconds(4)}});
  EXPECT_EQ(Look(), ClockVerdict::kAgrees);
  EXPECT_EQ(Look(absl::Minutes(5)), ClockVerdict::kAgrees) << "the mark may have been left at any time since";
}

TEST_F(Clocks, ThoseThatAreGoneHaveNoSay) {
  Have({{"b", absl::Hours(1), false}, {"c", -absl::Hours(30), false}});
  EXPECT_EQ(Look(), ClockVerdict::kSettling) << "they may be alive";
  for (int i = 0; i < 4; ++i) static_cast<void>(Look());
  EXPECT_EQ(judge.verdict(), ClockVerdict::kAgrees);
}

TEST_F(Clocks, WhoWasOffIsNotRightBecauseTheOthersWentAway) {
  own_off = absl::Hours(1);
  Have({{"b", absl::ZeroDuration()}, {"c", absl::ZeroDuration()}});
  static_cast<void>(Look());
  ASSERT_EQ(Look(), ClockVerdict::kOff);
  for (Other& other : others) other.alive = false;
  for (int i = 0; i < 10; ++i) static_cast<void>(Look());
  EXPECT_EQ(judge.verdict(), ClockVerdict::kOff);
}

TEST_F(Clocks, ASecondProgramOfTheSameNameShows) {
  ReplicaMark own{.name = "own", .instance = 99, .clock = kNoon};
  marks = {own};
  static_cast<void>(Look());
  EXPECT_FALSE(judge.name_is_taken()) << "an earlier run's";
  marks[0] = {.name = "own", .instance = 1, .clock = kNoon + absl::Seconds(1)};
  static_cast<void>(Look());
  EXPECT_FALSE(judge.name_is_taken());
  marks[0] = {.name = "own", .instance = 99, .clock = kNoon + absl::Seconds(2)};
  static_cast<void>(Look());
  EXPECT_TRUE(judge.name_is_taken());
}

}  // namespace
}  // namespace henb::keydist::domain
