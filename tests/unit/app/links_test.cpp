// Links over fakes: what a restart and a hold do to what runs, and how old a link of several address pairs is.
#include <gmock/gmock.h>

#include "links_fixture.h"

namespace henb::x2sec::app {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

class LinksTest : public tests::LinksFixture {
 protected:
  void SetUp() override { Start(); }
  void BringUp(std::vector<std::string> addresses = {"127.0.0.2"}) {
    Introduce(std::move(addresses));
    SetUpPeer();
    ASSERT_TRUE(Becomes("UP_CERT")) << state() << ": " << link().last_error;
    Traffic();
  }
  /// The slow timer's part.
  void Look() {
    links->EvaluateAll();
    mirror->CheckAll();
    Settle();
  }
  const absl::Time never = absl::UnixEpoch() + absl::Hours(30);
};

TEST_F(LinksTest, R57ARestartWhileTheClockIsHeldKeepsWhatRunsUntilItsAge) {
  BringUp();
  const auto pins = Pins();
  const absl::Time right = clock.Now();
  SetCalendar(never);
  EXPECT_EQ(state(), "UP_CERT");
  const int tried = ike.calls("Initiate");
  Die();
  kernel.calls.clear();
  Start();
  Look();
  EXPECT_EQ(state(), "UP_CERT") << link().last_error;
  EXPECT_THAT(link().last_error, HasSubstr("clock"));
  EXPECT_EQ(Pins(), pins);
  EXPECT_THAT(kernel.calls, Not(Contains(HasSubstr("Remove"))));
  EXPECT_THAT(kernel.calls, Not(Contains(HasSubstr("DeleteSa"))));
  for (int i = 0; i < 9; ++i) {
    Advance(absl::Minutes(1));
    Look();
  }
  EXPECT_EQ(state(), "UP_CERT");
  EXPECT_EQ(Pins(), pins) << "no new key under a hold";
  Advance(absl::Seconds(90));
  Look();
  EXPECT_EQ(state(), "BLOCKED");
  EXPECT_EQ(ike.calls("Initiate"), tried);
  EXPECT_TRUE(kernel.Snapshot()->sas.empty());
  SetCalendar(right + absl::Minutes(11));
  EXPECT_TRUE(Becomes("UP_CERT"));
}

TEST_F(LinksTest, R57TheSameWhereThePolicyHasExpired) {
  BringUp();
  Die();
  clock.SetNow(policy.not_after + absl::Hours(1));
  Start();
  Look();
  EXPECT_EQ(state(), "UP_CERT") << link().last_error;
  EXPECT_THAT(link().last_error, HasSubstr("expired"));
}

TEST_F(LinksTest, R57WhatDidNotRunIsNotBegunUnderAHold) {
  Introduce();
  SetUpPeer();
  ike.Kill();
  Settle();
  Die();
  const absl::Time right = clock.Now();
  clock.SetNow(never);
  ike.Start();
  Start();
  const int tried = ike.calls("Initiate");
  for (int i = 0; i < 20; ++i) {
    Advance(absl::Seconds(5));
    Look();
  }
  EXPECT_EQ(state(), "BLOCKED");
  EXPECT_EQ(ike.calls("Initiate"), tried);
  SetCalendar(right);
  EXPECT_TRUE(Becomes("UP_CERT"));
}

TEST_F(LinksTest, R57SasThatPlutoHasForgottenCarryOnUnderAHoldAndAreReplacedAfterIt) {
  BringUp();
  const auto pins = Pins();
  const absl::Time right = clock.Now();
  SetCalendar(never);
  Die();
  ike.Kill();
  ike.Start();
  const int tried = ike.calls("Initiate");
  Start();
  for (int i = 0; i < 10; ++i) {
    Advance(absl::Seconds(5));
    Look();
  }
  EXPECT_EQ(Pins(), pins);
  EXPECT_FALSE(kernel.Snapshot()->sas.empty());
  EXPECT_EQ(ike.calls("Initiate"), tried) << "nothing new under a hold";
  SetCalendar(right + absl::Minutes(1));
  EXPECT_TRUE(Becomes("UP_CERT")) << state() << ": " << link().last_error;
  EXPECT_NE(Pins(), pins);
}

TEST_F(LinksTest, R57WhatNoSaCarriesAnyMoreIsShutUnderAHold) {
  BringUp();
  SetCalendar(never);
  Die();
  kernel.Flush();
  Start();
  Look();
  EXPECT_EQ(state(), "BLOCKED");
}

TEST_F(LinksTest, TwoAddressPairsOnTwoIkeSasReachTheirAge) {
  BringUp({"127.0.0.2", "127.0.0.3"});
  ASSERT_EQ(link().connections.size(), 2U);
  network.Cut(true);
  for (int i = 0; i < 19; ++i) {
    Advance(absl::Seconds(30));
    Look();
  }
  EXPECT_EQ(state(), "UP_CERT") << "not before its age";
  Advance(absl::Seconds(60));
  Look();
  EXPECT_NE(state(), "UP_CERT") << "10 minutes after the last authentication";
}

TEST_F(LinksTest, TheAddressPairThatAuthenticatedFirstCounts) {
  BringUp({"127.0.0.2", "127.0.0.3"});
  Advance(absl::Minutes(2));
  const auto pins = Pins();
  const std::string first = link().connections.begin()->first;
  ASSERT_TRUE(ike.Reauthenticate(link().connections.begin()->second.authenticated_ike).ok());
  ASSERT_TRUE(ike.Initiate(first, absl::Seconds(1)).ok());
  Settle();
  Traffic();
  Look();
  ASSERT_NE(Pins()[0], pins[0]);
  ASSERT_EQ(Pins()[1], pins[1]);
  network.Cut(true);
  for (int i = 0; i < 17; ++i) {
    Advance(absl::Seconds(30));
    Look();
  }
  EXPECT_NE(state(), "UP_CERT") << "the other pair's age is over";
}

TEST_F(LinksTest, TheSlowTimerAsksPlutoOnce) {
  BringUp();
  const int before = ike.calls("Snapshot");
  Look();
  EXPECT_EQ(ike.calls("Snapshot"), before + 1);
}

TEST_F(LinksTest, R18ANeighbourWithAnRsaKeyIsLearnedFromItsOwnProof) {
  SetPeerKey(true);
  Introduce();
  SetUpPeer();
  ASSERT_TRUE(Becomes("UP_CERT")) << state() << ": " << link().last_error;
  EXPECT_TRUE(link().connections.begin()->second.spec.peer_key_is_rsa);
  EXPECT_TRUE(link().failures.empty());
  EXPECT_EQ(ike.calls("Initiate"), 2) << "again at once";
  Traffic();
  const auto pins = Pins();
  Die();
  kernel.calls.clear();
  const int added = ike.calls("Add");
  Start();
  Look();
  EXPECT_TRUE(Becomes("UP_CERT")) << link().last_error;
  EXPECT_EQ(Pins(), pins) << "a restart knows nothing of the kind, and leaves what carries";
  EXPECT_EQ(ike.calls("Add"), added);
}

TEST_F(LinksTest, R18ANeighbourWhoseNewKeyIsOfTheOtherKindComesBack) {
  SetPeerKey(true);
  BringUp();
  SetPeerKey(false);
  mirror->Renew(link().connections.begin()->first);
  mirror->CheckAll();
  Settle();
  EXPECT_TRUE(Becomes("UP_CERT")) << state() << ": " << link().last_error;
  EXPECT_FALSE(link().connections.begin()->second.spec.peer_key_is_rsa);
}

TEST_F(LinksTest, R16WhatIsLostAMomentAfterItCameUpIsBegunAnew) {
  BringUp();
  mirror->Renew(link().connections.begin()->first);
  mirror->CheckAll();
  Settle();
  EXPECT_EQ(state(), "KEYING");
  EXPECT_TRUE(Becomes("UP_CERT")) << state() << ": " << link().last_error;
}

TEST_F(LinksTest, R18TheKindOfItsKeyIsAllThatIsTakenFromTheNeighboursWord) {
  SetPeerKey(true);
  peer.SetCertificate(std::string(40, 'b'), {b, "CN=Somebody else", "CN=b", true});
  ASSERT_TRUE(peer.RereadCertificates().ok());
  Introduce();
  SetUpPeer();
  EXPECT_FALSE(Becomes("UP_CERT"));
  ASSERT_FALSE(link().failures.empty());
  EXPECT_EQ(link().failures.front().kind, policy::FailureKind::kCertificateRejected);
  EXPECT_TRUE(kernel.Snapshot()->sas.empty());
}

}  // namespace
}  // namespace henb::x2sec::app
