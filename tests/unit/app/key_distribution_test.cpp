#include "henb-x2sec/app/keys/key_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "key_distribution_fixture.h"

namespace henb::x2sec::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Offer = tests::FakeKeyService::Offer;

class KeyDistributionTest : public tests::KeyDistributionFixture {};

TEST_F(KeyDistributionTest, R4ContactsNobodyBeforeALinkNeedsIt) {
  Start();
  Need({});
  Advance(absl::Hours(48));
  EXPECT_EQ(service.registrations(), 0U);
  EXPECT_TRUE(service.calls().empty());
  EXPECT_EQ(service.watches_started(), 0);
}

TEST_F(KeyDistributionTest, InstallsTheKeyAndLetsPlutoReadItBeforeItSaysSo) {
  Start();
  service.SayOfEverybody({.epoch = 42, .generation_local = 1, .generation_peer = 3});
  Need({b});
  EXPECT_EQ(service.registrations(), 1U);
  EXPECT_TRUE(service.watching());
  EXPECT_TRUE(HasKey(b, {.epoch = 42, .generation_local = 1, .generation_peer = 3}));
  EXPECT_GE(ike.calls("RereadSecrets"), 1);
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_EQ(StateOf(b).version.epoch, 42U);
  EXPECT_EQ(StateOf(b).version.generation_local, 1U);
  EXPECT_EQ(StateOf(b).version.generation_peer, 3U);
  EXPECT_EQ(StateOf(b).problem, "");
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false)));
}

TEST_F(KeyDistributionTest, AsksInBatchesOf64) {
  Start();
  std::set<common::HenbId> peers;
  for (int i = 0; i < 150; ++i) peers.insert(Id("n" + std::to_string(i) + ".example"));
  Need(peers);
  ASSERT_EQ(service.calls().size(), 3U);
  EXPECT_EQ(service.calls()[0].size(), 64U);
  EXPECT_EQ(service.calls()[2].size(), 22U);
  for (const common::HenbId& peer : peers) EXPECT_TRUE(StateOf(peer).installed) << peer.str();
  EXPECT_LE(ike.calls("RereadSecrets"), 4);
}

TEST_F(KeyDistributionTest, SayingTheSameNeedAgainAsksNothing) {
  Start();
  keys->SetNeeded({b});
  keys->SetNeeded({b});
  Need({b});
  Need({b});
  EXPECT_EQ(service.calls().size(), 1U);
  EXPECT_EQ(changes.size(), 1U);
}

TEST_F(KeyDistributionTest, RemovesWhatIsNotNeededAndWhatAnEarlierRunLeft) {
  ASSERT_TRUE(secrets.Put(a, c, common::SecretBytes(32)).ok());
  ASSERT_TRUE(secrets.Put(Id("old.example"), b, common::SecretBytes(32)).ok());
  Start();
  Need({b});
  EXPECT_THAT(secrets.Pairs(), ElementsAre(core::SecretPair{a, b}));
  Need({});
  EXPECT_TRUE(secrets.Pairs().empty());
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_FALSE(service.watching());
  const std::size_t registrations = service.registrations();
  Advance(absl::Hours(48));
  EXPECT_EQ(service.registrations(), registrations);
  EXPECT_EQ(service.calls().size(), 1U);
}

TEST_F(KeyDistributionTest, AnOpenPathShortensTheWait) {
  service.Fail(absl::UnavailableError("down"));
  Start();
  Need({b});
  for (int i = 0; i < 30; ++i) Advance(absl::Seconds(20));
  service.Fail(absl::OkStatus());
  keys->PathChanged();
  Advance(absl::Seconds(1));
  EXPECT_TRUE(StateOf(b).installed);
}

TEST_F(KeyDistributionTest, WithoutAServiceTheStateSaysWhy) {
  Start(false);
  Need({b});
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("no key service"));
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false)));
  absl::Status answer;
  keys->Refresh(b, [&](const absl::Status& status) { answer = status; });
  Settle();
  EXPECT_EQ(answer.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyDistributionTest, ADeniedPairHasNoKeyAndIsAskedForAgainSeldom) {
  Start();
  service.Say(b, {.denial = core::KeyDenial::kNotAllowed});
  Need({b, c});
  EXPECT_EQ(StateOf(b).denial, core::KeyDenial::kNotAllowed);
  EXPECT_TRUE(StateOf(c).installed);
  EXPECT_THAT(secrets.Pairs(), ElementsAre(core::SecretPair{a, c}));
  service.Say(b, {});
  Advance(absl::Minutes(6));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_EQ(StateOf(b).denial, std::nullopt);
}

TEST_F(KeyDistributionTest, AnUnreachableServiceIsTriedAgainWithBackOff) {
  Start();
  service.Fail(absl::UnavailableError("no route"));
  Need({b});
  EXPECT_THAT(StateOf(b).problem, HasSubstr("no route"));
  EXPECT_EQ(keys->health().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false)));
  for (int i = 0; i < 600; ++i) Advance(absl::Seconds(1));
  EXPECT_GE(service.registrations(), 8U);
  EXPECT_LE(service.registrations(), 25U);
  EXPECT_EQ(changes.size(), 1U) << "the same problem is told once";
  service.Fail(absl::OkStatus());
  Advance(absl::Minutes(2));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_TRUE(keys->health().ok());
}

TEST_F(KeyDistributionTest, R49AnOutageLeavesInstalledKeys) {
  Start();
  Need({b});
  service.Fail(absl::UnavailableError("down"));
  Tell(core::KeyServiceEvent::Kind::kPairChanged, b);
  Advance(absl::Hours(1));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_TRUE(secrets.Has(a, b));
  absl::Status answer = absl::UnknownError("none");
  keys->Refresh(b, [&](const absl::Status& status) { answer = status; });
  Settle();
  EXPECT_TRUE(answer.ok()) << answer;
}

TEST_F(KeyDistributionTest, AnotherErrorOfRegisteringDoesNotKeepKeysAway) {
  Start();
  Need({b});
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_EQ(service.registrations(), 1U);
  Advance(absl::Minutes(50));
  EXPECT_EQ(service.registrations(), 2U) << "at two thirds of the lease";
}

TEST_F(KeyDistributionTest, APlutoThatIsDownGetsTheKeyWhenItIsBack) {
  ike.Kill();
  Start();
  Need({b});
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("not with pluto yet"));
  ike.Start();
  Advance(absl::Seconds(30));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false), Pair(b.str(), false)));
}

TEST_F(KeyDistributionTest, AFileThatCannotBeWrittenIsTriedAgain) {
  Start();
  secrets.FailNext(absl::FailedPreconditionError("not on tmpfs"));
  Need({b});
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("not on tmpfs"));
  Advance(absl::Seconds(5));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_TRUE(HasKey(b, {}));
}

TEST_F(KeyDistributionTest, TellsWhatTheServiceKnowsOfThePeer) {
  Start();
  service.Say(b, {.facts = core::PeerFacts{.anchors = {}, .cmpv2 = true, .x2_addresses = {"10.0.0.2"}}});
  Need({b, c});
  EXPECT_THAT(learned, ElementsAre(b.str()));
}

}  // namespace
}  // namespace henb::x2sec::app
