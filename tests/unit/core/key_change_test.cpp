// The five steps against a small world: two IKE daemons' worth of states seen from one end, with its failures.
#include "henb-x2sec/core/key_change.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace henb::x2sec::core {
namespace {

using Kind = KeyChangeAction::Kind;

/// One connection, IKE #1 with child #2 at the start.
class World {
 public:
  World() {
    view_.now = absl::Seconds(100);
    view_.ike_sas = {{.serial = 1, .connection = "x2-b-0", .established = true, .newest = true}};
    view_.children = {
        {{.serial = 2, .ike_serial = 1, .spi_out = 0x20, .spi_in = 0x21, .bytes_in = 500, .bytes_out = 500}}};
    Take(BeginKeyChange(view_));
  }

  void Pass(absl::Duration by) { view_.now += by; }
  void Again() { Take(BeginKeyChange(view_)); }
  void Look() { Take(AdvanceKeyChange(change_, view_, KeyChangeLimits{})); }
  void NewIke(std::uint64_t serial, bool established = true) {
    view_.ike_sas.push_back({.serial = serial, .connection = "x2-b-0", .established = established, .newest = true});
  }
  void NewChild(std::uint64_t serial, std::uint64_t ike) {
    view_.children[0].push_back({.serial = serial,
                                 .ike_serial = ike,
                                 .spi_out = static_cast<std::uint32_t>(serial * 16),
                                 .spi_in = static_cast<std::uint32_t>(serial * 16 + 1),
                                 .bytes_in = 0,
                                 .bytes_out = 0});
  }
  void DropIke(std::uint64_t serial) {
    std::erase_if(view_.ike_sas, [&](const IkeSa& ike) { return ike.serial == serial; });
    std::erase_if(view_.children[0], [&](const LiveChild& child) { return child.ike_serial == serial; });
  }
  void Fail(std::string_view why) { Take(FailKeyChange(change_, why, view_)); }
  LiveChild& Child(std::size_t index) { return view_.children[0][index]; }
  bool Did(const KeyChangeAction& action) const {
    return std::find(actions_.begin(), actions_.end(), action) != actions_.end();
  }
  bool DidKind(Kind kind) const {
    return std::any_of(actions_.begin(), actions_.end(), [&](const KeyChangeAction& a) { return a.kind == kind; });
  }
  KeyChangePhase phase() const { return change_.phase; }
  const std::string& why() const { return change_.why_failed; }
  KeyChangeView& view() { return view_; }
  const KeyChange& change() const { return change_; }

  void ToDraining() {
    NewIke(3);
    Look();
    NewChild(4, 3);
    Look();
    ASSERT_EQ(phase(), KeyChangePhase::kDraining);
  }

 private:
  void Take(KeyChangeStep step) {
    change_ = std::move(step.change);
    actions_ = std::move(step.actions);
  }
  KeyChangeView view_;
  KeyChange change_;
  std::vector<KeyChangeAction> actions_;
};

TEST(KeyChange, FiveStepsInOrder) {
  World world;
  EXPECT_TRUE(world.Did({.kind = Kind::kReauthenticate, .serial = 1}));
  world.NewIke(3);
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kOpeningChild);
  EXPECT_TRUE(world.Did({.kind = Kind::kOpenChild, .connection = 0}));
  world.NewChild(4, 3);
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kDraining);
  EXPECT_TRUE(world.Did({.kind = Kind::kMovePin, .connection = 0, .spi = 0x40}));
  EXPECT_TRUE(world.DidKind(Kind::kProbe));
  world.Child(1).bytes_in = 80;
  world.Pass(absl::Seconds(1));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kRetiring);
  EXPECT_TRUE(world.Did({.kind = Kind::kDeleteState, .serial = 1}));
  world.DropIke(1);
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kDone);
}

TEST(KeyChange, R20NothingThatCarriesTrafficIsTouchedBeforeTheNewChildIsThere) {
  World world;
  for (int i = 0; i < 40; ++i) {
    world.Pass(absl::Milliseconds(150));
    world.Look();
    EXPECT_FALSE(world.DidKind(Kind::kMovePin) || world.DidKind(Kind::kDeleteState));
  }
}

TEST(KeyChange, NewAuthenticationRefusedLeavesTheOldSa) {
  World world;
  world.NewIke(3, false);
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kReauthenticating);
  world.DropIke(3);
  world.Pass(absl::Milliseconds(150));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kFailed) << "at once, not at the limit";
  EXPECT_TRUE(world.why().starts_with("reauthentication_refused"));
  EXPECT_FALSE(world.DidKind(Kind::kDeleteState));
}

TEST(KeyChange, RefusedBeforeAnybodySawTheAttemptEndsAtTheLimit) {
  World world;
  world.Pass(KeyChangeLimits{}.reauthenticate + absl::Seconds(1));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kFailed);
  EXPECT_TRUE(world.why().starts_with("reauthentication_refused"));
}

TEST(KeyChange, R20ASlowMachineHasTheTimeThatPlutoItselfTakes) {
  World world;
  world.NewIke(3, false);
  for (int second = 0; second < 24; ++second) {
    world.Pass(absl::Seconds(1));
    world.Look();
  }
  EXPECT_EQ(world.phase(), KeyChangePhase::kReauthenticating);
  world.DropIke(3);
  world.NewIke(5, false);  // The peer's, which has started as well.
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kReauthenticating);
  world.DropIke(5);
  world.NewIke(5);
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kOpeningChild);
}

TEST(KeyChange, R20AnIkeSaThatComesTooLateIsRemovedAndNeverMakesTheOldOneStale) {
  World world;
  world.NewIke(3, false);
  world.Pass(absl::Seconds(26));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kFailed);
  EXPECT_TRUE(world.Did({.kind = Kind::kDeleteState, .serial = 3}));
  EXPECT_FALSE(world.Did({.kind = Kind::kDeleteState, .serial = 1}));
  // It was made all the same. With it there pluto would delete the old one when told to reauthenticate that.
  world.DropIke(3);
  world.NewIke(5);
  world.Again();
  EXPECT_EQ(world.phase(), KeyChangePhase::kFailed);
  EXPECT_TRUE(world.why().starts_with("leftover"));
  EXPECT_TRUE(world.Did({.kind = Kind::kDeleteState, .serial = 5}));
  EXPECT_FALSE(world.DidKind(Kind::kReauthenticate));
  world.DropIke(5);
  world.Again();
  EXPECT_TRUE(world.Did({.kind = Kind::kReauthenticate, .serial = 1}));
}

TEST(KeyChange, ChildRefusedRemovesTheNewIkeSaOnly) {
  World world;
  world.NewIke(3);
  world.Look();
  world.Pass(absl::Seconds(16));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kFailed);
  EXPECT_TRUE(world.Did({.kind = Kind::kDeleteState, .serial = 3}));
  EXPECT_FALSE(world.Did({.kind = Kind::kDeleteState, .serial = 1}));
}

TEST(KeyChange, OldIsNotRetiredWhileThePeerStillSendsOnIt) {
  World world;
  world.ToDraining();
  world.Child(1).bytes_in = 80;
  for (int i = 0; i < 20; ++i) {
    world.Child(0).bytes_in += 100;
    world.Pass(absl::Milliseconds(150));
    world.Look();
    ASSERT_EQ(world.phase(), KeyChangePhase::kDraining) << i;
  }
  world.Pass(absl::Milliseconds(700));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kRetiring);
}

TEST(KeyChange, ProbesUntilThePeerIsSeenOnTheNewSa) {
  World world;
  world.ToDraining();
  world.Pass(absl::Seconds(1));
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kDraining);
  EXPECT_TRUE(world.DidKind(Kind::kProbe));
}

TEST(KeyChange, PlutoGoneFailsInEveryRunningPhaseAndTouchesNothing) {
  for (int steps = 0; steps < 3; ++steps) {
    World world;
    if (steps >= 1) {
      world.NewIke(3);
      world.Look();
    }
    if (steps >= 2) {
      world.NewChild(4, 3);
      world.Look();
    }
    world.view().pluto_running = false;
    world.Look();
    EXPECT_EQ(world.phase(), KeyChangePhase::kFailed);
    EXPECT_TRUE(world.why().starts_with("pluto_gone"));
    EXPECT_FALSE(world.DidKind(Kind::kDeleteState));
  }
}

TEST(KeyChange, PeerDeletesTheOldFirst) {
  World before_new;
  before_new.DropIke(1);
  before_new.Look();
  EXPECT_TRUE(before_new.why().starts_with("peer_deleted"));

  World after_new;
  after_new.ToDraining();
  after_new.DropIke(1);
  after_new.Look();
  EXPECT_EQ(after_new.phase(), KeyChangePhase::kRetiring);
  after_new.Look();
  EXPECT_EQ(after_new.phase(), KeyChangePhase::kDone);
}

TEST(KeyChange, BothEndsStartAndThePeerIsFurtherOn) {
  World world;
  world.NewIke(3);
  world.NewChild(4, 3);
  world.Look();
  EXPECT_EQ(world.phase(), KeyChangePhase::kDraining);
  EXPECT_FALSE(world.DidKind(Kind::kOpenChild));
  EXPECT_TRUE(world.Did({.kind = Kind::kMovePin, .connection = 0, .spi = 0x40}));
}

TEST(KeyChange, ErrorOfACommandFailsBeforeTheMoveAndIsPassedOverAfterIt) {
  World before;
  before.Fail("whack said no");
  EXPECT_EQ(before.phase(), KeyChangePhase::kFailed);
  World after;
  after.ToDraining();
  after.Fail("late word");
  EXPECT_EQ(after.phase(), KeyChangePhase::kDraining);
}

TEST(KeyChange, NothingToChangeFrom) {
  KeyChangeView view;
  view.children = {{}};
  EXPECT_TRUE(BeginKeyChange(view).change.why_failed.starts_with("not_up"));
  view.children.clear();
  EXPECT_TRUE(BeginKeyChange(view).change.why_failed.starts_with("not_up"));
}

TEST(KeyChange, EveryPhaseIsDefinedForEveryView) {
  World full;
  full.ToDraining();
  for (const KeyChangePhase phase : kKeyChangePhases) {
    for (int bits = 0; bits < 32; ++bits) {
      KeyChange change = full.change();
      change.phase = phase;
      KeyChangeView view = full.view();
      view.pluto_running = (bits & 1) != 0;
      if ((bits & 2) != 0) std::erase_if(view.ike_sas, [](const IkeSa& ike) { return ike.serial == 1; });
      if ((bits & 4) != 0) view.ike_sas.clear();
      if ((bits & 8) != 0) view.children[0].clear();
      if ((bits & 16) != 0) view.now += absl::Minutes(5);
      const KeyChangeStep step = AdvanceKeyChange(change, view, KeyChangeLimits{});
      if (step.change.phase == KeyChangePhase::kFailed && phase != KeyChangePhase::kFailed) {
        EXPECT_FALSE(step.change.why_failed.empty());
      }
      for (const KeyChangeAction& action : step.actions) {
        const bool retires_old = action.kind == Kind::kDeleteState && action.serial == 1;
        EXPECT_FALSE(retires_old && view.children[0].empty()) << "the old SA may go only where a new child is";
      }
    }
  }
}

TEST(KeyChange, TwoConnectionsMoveTogether) {
  KeyChangeView view;
  view.now = absl::Seconds(1);
  view.ike_sas = {{.serial = 1, .connection = "x2-b-1", .established = true, .newest = true}};
  view.children = {{{.serial = 2, .ike_serial = 1, .spi_out = 2, .spi_in = 3}},
                   {{.serial = 3, .ike_serial = 1, .spi_out = 4, .spi_in = 5}}};
  KeyChangeStep step = BeginKeyChange(view);
  view.ike_sas.push_back({.serial = 4, .connection = "x2-b-0", .established = true, .newest = true});
  step = AdvanceKeyChange(step.change, view, {});
  EXPECT_EQ(step.actions.size(), 2U);
  view.children[0].push_back({.serial = 5, .ike_serial = 4, .spi_out = 6, .spi_in = 7});
  step = AdvanceKeyChange(step.change, view, {});
  EXPECT_EQ(step.change.phase, KeyChangePhase::kOpeningChild);
  view.children[1].push_back({.serial = 6, .ike_serial = 4, .spi_out = 8, .spi_in = 9});
  step = AdvanceKeyChange(step.change, view, {});
  EXPECT_EQ(step.change.phase, KeyChangePhase::kDraining);
}

TEST(KeyChange, PhasesHaveNames) {
  EXPECT_EQ(PhaseName(KeyChangePhase::kReauthenticating), "reauthenticating");
  EXPECT_EQ(PhaseName(KeyChangePhase::kFailed), "failed");
}

}  // namespace
}  // namespace henb::x2sec::core
