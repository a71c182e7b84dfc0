// A replica's calendar jumps: what it may do before it has looked at the others' again (R45).
#include "keydist-server/service/clock_watch.h"

#include <gtest/gtest.h>

#include "keydist-server/store/memory_store.h"

namespace henb::keydist::service {
namespace {

/// A store that one other replica shares, whose clock is right.
class SharedStore final : public store::MemoryStore {
 public:
  explicit SharedStore(const common::Clock& right) : right_(right) {}
  absl::StatusOr<std::vector<domain::ReplicaMark>> ExchangeMarks(const domain::ReplicaMark& own) override {
    ++exchanges;
    std::vector<domain::ReplicaMark> marks;
    if (others > 0) marks.push_back(last_own_);
    for (int i = 0; i < others; ++i) {
      marks.push_back({.name = "other" + std::to_string(i), .instance = 5, .clock = right_.Now()});
    }
    last_own_ = own;
    return marks;
  }
  int exchanges = 0;
  int others = 2;

 private:
  const common::Clock& right_;
  domain::ReplicaMark last_own_{.name = "own", .instance = 0, .clock = {}};
};

TEST(ClockWatch, R45AJumpIsSeenBeforeTheNextLookAndLookedAtAtOnce) {
  common::FakeClock right;
  common::FakeClock own;
  common::FakeRandom random;
  SharedStore store(right);
  ClockWatch watch(store, own, random, "own");
  EXPECT_FALSE(watch.MayIssue(own.Now()).ok()) << "before the first look";
  watch.Tick();
  EXPECT_TRUE(watch.MayKeepEpochs(own.Now()).ok());
  watch.Tick();
  EXPECT_EQ(store.exchanges, 1) << "it is not yet time";
  own.SetNow(own.Now() + absl::Hours(1));
  EXPECT_FALSE(watch.MayKeepEpochs(own.Now()).ok());
  EXPECT_FALSE(watch.MayIssue(own.Now()).ok());
  watch.Tick();  // The others' marks are still the ones that were there before the jump.
  EXPECT_EQ(store.exchanges, 2);
  EXPECT_FALSE(watch.MayIssue(own.Now()).ok()) << "and now it is known to be off";
  EXPECT_NE(watch.health().message().find("clock is off"), std::string::npos) << watch.health();
  own.SetNow(right.Now());
  right.Advance(absl::Milliseconds(500));
  own.Advance(absl::Milliseconds(500));
  watch.Tick();
  EXPECT_TRUE(watch.MayIssue(own.Now()).ok());
}

TEST(ClockWatch, OneAloneIsNotCompared) {
  common::FakeClock own;
  common::FakeRandom random;
  SharedStore store(own);
  store.others = 0;
  ClockWatch watch(store, own, random, "own");
  watch.Tick();
  own.SetNow(own.Now() - absl::Hours(1));
  EXPECT_TRUE(watch.MayKeepEpochs(own.Now()).ok());
}

}  // namespace
}  // namespace henb::keydist::service
