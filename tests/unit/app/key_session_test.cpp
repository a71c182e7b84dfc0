// How the client behaves towards the key service.
#include "henb-x2sec/app/keys/key_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/core/ports/retry_after.h"
#include "key_distribution_fixture.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using Kind = core::KeyServiceEvent::Kind;

class ClientManners : public tests::KeyDistributionFixture {
 protected:
  void SetUp() override { Start(); }
  [[nodiscard]] std::size_t Asked() const { return service.calls().size() + service.registrations(); }
  static absl::Status Busy(absl::Duration after) {
    return core::WithRetryAfter(absl::ResourceExhaustedError("too many calls"), after);
  }
};

TEST_F(ClientManners, OneThatIsOverItsQuotaComesAgainWhenItIsToldTo) {
  Need({b});
  service.Fail(Busy(absl::Seconds(40)));
  Tell(Kind::kPairChanged, b);
  const std::size_t asked = Asked();
  for (int i = 0; i < 39; ++i) Advance(absl::Seconds(1));
  EXPECT_EQ(Asked(), asked) << "not before";
  service.Fail(absl::OkStatus());
  service.Say(b, {.generation_peer = 2});
  for (int i = 0; i < 4; ++i) Advance(absl::Seconds(1));
  EXPECT_EQ(Asked(), asked + 1) << "asked for keys only: the session was kept";
  EXPECT_EQ(StateOf(b).version.generation_peer, 2U);
}

TEST_F(ClientManners, AQuotaIsNoOutage) {
  service.Fail(Busy(absl::Seconds(1)));
  Need({b});
  EXPECT_EQ(keys->health().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("too many calls"));
  service.Fail(absl::OkStatus());
  service.SayOfEverybody({.expire_in = absl::Minutes(10)});
  Advance(absl::Seconds(4));
  ASSERT_TRUE(StateOf(b).installed);
  service.Fail(Busy(absl::Seconds(1)));
  for (int i = 0; i < 11; ++i) Advance(absl::Minutes(1));
  EXPECT_TRUE(StateOf(b).expired);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("has given no other"));
}

TEST_F(ClientManners, NeitherTheOperatorNorAnOpenPathMakesItComeBeforeItsTime) {
  Need({b});
  service.Fail(Busy(absl::Seconds(40)));
  Tell(Kind::kPairChanged, b);
  const std::size_t asked = Asked();
  keys->Refresh(b, [](const absl::Status&) {});
  keys->PathChanged();
  Advance(absl::Seconds(30));
  EXPECT_EQ(Asked(), asked);
}

TEST_F(ClientManners, ASessionOutlivesItsLastLinkWhileARuleListsPsk) {
  Need({b}, true);
  Need({}, true);
  EXPECT_TRUE(service.watching());
  const std::size_t registrations = service.registrations();
  Advance(absl::Minutes(3));
  const std::size_t calls = service.calls().size();
  EXPECT_EQ(Asked(), registrations + calls) << "not a word while nobody needs it";
  Need({c}, true);
  EXPECT_TRUE(StateOf(c).installed);
  EXPECT_EQ(service.watches_started(), 1);
  EXPECT_EQ(service.registrations(), registrations + 1) << "after the key: addresses may be others by now";
  Need({}, true);
  for (int i = 0; i < 7; ++i) Advance(absl::Minutes(1));
  EXPECT_FALSE(service.watching());
  EXPECT_EQ(service.registrations(), registrations + 1) << "the lease is not renewed for nobody";
}

TEST_F(ClientManners, R4WithoutARuleThatListsPskTheSessionEndsAtOnce) {
  Need({b}, true);
  Need({}, true);
  Need({}, false);
  EXPECT_FALSE(service.watching());
}

TEST_F(ClientManners, WhatTheServiceTellsALingeringSessionIsNotLost) {
  Need({b}, true);
  Need({}, true);
  service.Say(b, {.generation_peer = 2});
  Tell(Kind::kPairChanged, b);
  Need({b}, true);
  EXPECT_EQ(StateOf(b).version.generation_peer, 2U);
}

TEST_F(ClientManners, AnAbsurdRetryAfterIsCutShort) {
  service.Fail(Busy(absl::Hours(1000)));
  Need({b});
  service.Fail(absl::OkStatus());
  for (int i = 0; i < 11; ++i) Advance(absl::Minutes(1));
  EXPECT_TRUE(StateOf(b).installed);
}

TEST_F(ClientManners, OnePairsRefusedAnswerLeavesTheOthersTheirs) {
  service.Say(b, {.refused = absl::DataLossError("stale")});
  Need({b, c});
  EXPECT_TRUE(StateOf(c).installed);
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("stale"));
  EXPECT_TRUE(keys->health().ok());
  service.Say(b, {});
  Advance(absl::Seconds(40));
  EXPECT_TRUE(StateOf(b).installed) << "asked for again";
  EXPECT_THAT(service.calls().back(), ::testing::ElementsAre(b));
}

}  // namespace
}  // namespace henb::x2sec::app
