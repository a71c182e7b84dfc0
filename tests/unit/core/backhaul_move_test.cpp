// The backhaul's two connections: which one carries (R65).
#include "henb-x2sec/core/backhaul_move.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::x2sec::core {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Action = BackhaulAction;
using Phase = BackhaulPhase;

class BackhaulMoveTest : public ::testing::Test {
 protected:
  BackhaulMoveTest() {
    view.now = absl::Hours(1);
    view.wanted = view.ready = view.old_up = true;
  }
  std::vector<Action> Look(absl::Duration later = absl::ZeroDuration()) {
    view.now += later;
    BackhaulStep step = LookAtBackhaul(move, view);
    move = std::move(step.move);
    return step.actions;
  }
  std::vector<Action> Ended(const std::string& why) {
    BackhaulStep step = BackhaulAttemptEnded(move, why, view.now);
    move = std::move(step.move);
    return step.actions;
  }
  void NewIsUp(std::uint64_t bytes_in = 0) {
    view.new_up = view.new_held = true;
    view.bytes_in = bytes_in;
  }
  void BecomeMoved() {
    NewIsUp(100);
    Look();
    Look();
    view.old_up = false;
    ASSERT_EQ(move.phase, Phase::kMoved);
  }
  BackhaulMove move;
  BackhaulView view;
};

TEST_F(BackhaulMoveTest, R65NothingHappensWithoutAnOperatorCertificate) {
  view.wanted = view.ready = false;
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(move.phase, Phase::kOld);
}

TEST_F(BackhaulMoveTest, R65TheOldOneIsKeptUntilSomethingHasComeInOnTheNew) {
  EXPECT_THAT(Look(), ElementsAre(Action::kInitiate));
  EXPECT_THAT(Look(), IsEmpty()) << "one attempt at a time";
  EXPECT_THAT(Ended(""), IsEmpty());
  NewIsUp();
  EXPECT_THAT(Look(), ElementsAre(Action::kSwitchToNew, Action::kProbe));
  EXPECT_THAT(Look(absl::Seconds(1)), ElementsAre(Action::kProbe));
  view.bytes_in = 84;
  EXPECT_THAT(Look(), ElementsAre(Action::kReportMoved));
  EXPECT_THAT(Look(), ElementsAre(Action::kTakeOldDown));
  EXPECT_THAT(Look(absl::Seconds(1)), IsEmpty()) << "it takes its time to go";
  EXPECT_THAT(Look(absl::Seconds(30)), ElementsAre(Action::kTakeOldDown)) << "whoever brings it up again";
}

TEST_F(BackhaulMoveTest, R65ARefusalLeavesTheOldOneAndIsTriedAgainLater) {
  Look();
  EXPECT_THAT(Ended("AUTHENTICATION_FAILED"), ElementsAre(Action::kReportFailed));
  EXPECT_EQ(move.why, "AUTHENTICATION_FAILED");
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_THAT(Look(absl::Seconds(5)), ElementsAre(Action::kInitiate));
  Ended("AUTHENTICATION_FAILED");
  EXPECT_THAT(Look(absl::Seconds(5)), IsEmpty()) << "longer each time";
  EXPECT_EQ(BackhaulAgainIn(1), absl::Seconds(10));
  EXPECT_EQ(BackhaulAgainIn(50), absl::Minutes(10));
}

TEST_F(BackhaulMoveTest, R65WithoutProofItGoesBack) {
  NewIsUp();
  Look();
  EXPECT_THAT(Look(absl::Seconds(9)), ElementsAre(Action::kReportFailed, Action::kSwitchToOld, Action::kDropNew));
  EXPECT_EQ(move.phase, Phase::kOld);
  EXPECT_THAT(Look(absl::Seconds(9)), IsEmpty()) << "what is on its way out is nothing new";
  view.new_up = view.new_held = false;
  EXPECT_THAT(Look(), ElementsAre(Action::kInitiate));
}

TEST_F(BackhaulMoveTest, R65AChildOnTheVendorsIkeSaDoesNotCount) {
  view.on_foreign_ike = view.new_held = true;
  view.bytes_in = 1000;
  EXPECT_THAT(Look(), ElementsAre(Action::kReportFailed, Action::kDropNew));
  EXPECT_THAT(move.why, HasSubstr("identity"));
}

TEST_F(BackhaulMoveTest, R65WhenTheNewOneDiesTheOldOneComesBack) {
  BecomeMoved();
  view.new_up = view.new_held = false;
  EXPECT_THAT(Look(), ElementsAre(Action::kReportLost, Action::kSwitchToOld));
  EXPECT_THAT(Look(), ElementsAre(Action::kInitiate)) << "the new one first";
  EXPECT_THAT(Look(absl::Seconds(5)), ElementsAre(Action::kBringOldUp)) << "and soon the old one as well";
  EXPECT_THAT(Look(absl::Seconds(5)), IsEmpty());
  EXPECT_THAT(Look(absl::Seconds(30)), ElementsAre(Action::kBringOldUp));
}

TEST_F(BackhaulMoveTest, R65WithoutACertificateAnyMoreTheOldOneComesBack) {
  BecomeMoved();
  view.wanted = false;
  EXPECT_THAT(Look(), ElementsAre(Action::kReportLost, Action::kSwitchToOld));
  view.new_up = view.new_held = false;
  Look();
  EXPECT_THAT(Look(absl::Seconds(6)), ElementsAre(Action::kBringOldUp));
}

TEST_F(BackhaulMoveTest, R65WhatADeadPlutoLeftCarriesUntilThereIsAnother) {
  BecomeMoved();
  view.new_up = false;
  EXPECT_THAT(Look(), ElementsAre(Action::kInitiate));
  EXPECT_EQ(move.phase, Phase::kMoved);
  Ended("no answer");
  Look(absl::Seconds(5));
  Ended("no answer");
  EXPECT_THAT(Look(), ElementsAre(Action::kBringOldUp));
  view.old_up = true;
  EXPECT_THAT(Look(), ElementsAre(Action::kReportLost, Action::kSwitchToOld));
}

TEST_F(BackhaulMoveTest, R65KeysChangeBeforeTheSasEnd) {
  BecomeMoved();
  view.age = absl::Hours(13);
  EXPECT_THAT(Look(), ElementsAre(Action::kChangeKey));
  EXPECT_THAT(Look(), IsEmpty());
  view.changing_key = true;
  EXPECT_THAT(Look(absl::Hours(1)), IsEmpty());
  view.changing_key = false;
  view.age = absl::Hours(20);
  EXPECT_THAT(Look(), ElementsAre(Action::kBringOldUp)) << "it could not be changed: by way of the old one";
  view.old_up = true;
  EXPECT_THAT(Look(), ElementsAre(Action::kReportLost, Action::kSwitchToOld, Action::kDropNew));
}

TEST_F(BackhaulMoveTest, R65TheOldOneIsNeverTakenDownBeforeTheNewOneCarries) {
  for (const bool ready : {false, true}) {
    for (const bool up : {false, true}) {
      for (const bool foreign : {false, true}) {
        for (const Phase phase : {Phase::kOld, Phase::kProving}) {
          move = {};
          move.phase = phase;
          view.ready = ready;
          view.new_up = view.new_held = up;
          view.on_foreign_ike = foreign;
          view.bytes_in = 0;
          EXPECT_THAT(Look(), Not(Contains(Action::kTakeOldDown)));
        }
      }
    }
  }
}

}  // namespace
}  // namespace henb::x2sec::core
