// Keys that change while links are up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "common/strings.h"
#include "key_distribution_fixture.h"

namespace henb::x2sec::app {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Kind = core::KeyServiceEvent::Kind;
using Offer = tests::FakeKeyService::Offer;

class KeyChangeOfPairs : public tests::KeyDistributionFixture {
 protected:
  void SetUp() override { Start(); }
};

TEST_F(KeyChangeOfPairs, TheNextEpochsKeyIsInstalledWhenItsTimeHasCome) {
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(10), .next_in = absl::Minutes(10)});
  Need({b});
  changes.clear();
  EXPECT_TRUE(HasKey(b, {.epoch = 7}));
  Advance(absl::Minutes(9));
  EXPECT_EQ(StateOf(b).version.epoch, 7U);
  Advance(absl::Minutes(1));
  EXPECT_EQ(StateOf(b).version.epoch, 8U);
  EXPECT_TRUE(HasKey(b, {.epoch = 8}));
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), true)));
  EXPECT_EQ(service.calls().size(), 1U) << "it was fetched ahead";
}

TEST_F(KeyChangeOfPairs, AsksBeforeTheKeyExpires) {
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(4)});
  Need({b});
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Minutes(20), .next_in = absl::Minutes(20)});
  Advance(absl::Hours(4) - absl::Minutes(1));
  EXPECT_GE(service.calls().size(), 2U);
  Advance(absl::Minutes(20));
  EXPECT_EQ(StateOf(b).version.epoch, 8U);
}

TEST_F(KeyChangeOfPairs, AChangedPairIsFetchedAgainAndReplaced) {
  Need({b, c});
  changes.clear();
  service.Say(b, {.generation_peer = 2});
  Tell(Kind::kPairChanged, b);
  EXPECT_EQ(StateOf(b).version.generation_peer, 2U);
  EXPECT_TRUE(HasKey(b, {.generation_peer = 2}));
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), true)));
  EXPECT_THAT(service.calls().back(), ElementsAre(b));
  Tell(Kind::kPairChanged, Id("stranger.example"));
  EXPECT_EQ(service.calls().size(), 2U);
}

TEST_F(KeyChangeOfPairs, EpochReadyAndResyncFetchEverything) {
  Need({b, c});
  for (const Kind kind : {Kind::kEpochReady, Kind::kResyncRequired}) {
    const std::size_t before = service.calls().size();
    Tell(kind);
    Advance(absl::Seconds(5));
    ASSERT_EQ(service.calls().size(), before + 1);
    EXPECT_EQ(service.calls().back().size(), 2U);
  }
}

TEST_F(KeyChangeOfPairs, ASuspendedPeersKeyGoesAtOnce) {
  Need({b, c});
  changes.clear();
  service.Say(b, {.denial = core::KeyDenial::kSuspended});
  Tell(Kind::kPeerSuspended, b);
  EXPECT_FALSE(secrets.Has(a, b));
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_EQ(StateOf(b).denial, core::KeyDenial::kSuspended);
  EXPECT_TRUE(StateOf(c).installed);
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false)));
  service.Say(b, {.generation_peer = 2});
  Tell(Kind::kPairChanged, b);
  EXPECT_TRUE(StateOf(b).installed) << "resumed";
}

TEST_F(KeyChangeOfPairs, AnAnswerThatWasUnderWayWhenThePeerWasSuspendedIsVoid) {
  Need({b});
  service.SayOnce(b, {.generation_peer = 2});
  service.Say(b, {.denial = core::KeyDenial::kSuspended});
  // Both are taken in one turn of the loop: the question is on the worker when the second comes, its answer comes
  // later.
  service.Tell({.kind = Kind::kPairChanged, .revision = 1, .epoch = 0, .peer = b});
  service.Tell({.kind = Kind::kPeerSuspended, .revision = 2, .epoch = 0, .peer = b});
  Settle();
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_FALSE(secrets.Has(a, b));
  EXPECT_EQ(service.calls().size(), 3U) << "it is asked for again";
}

TEST_F(KeyChangeOfPairs, SelfSuspendedRemovesAllAndComesBack) {
  Need({b, c});
  service.Fail(absl::PermissionDeniedError("suspended"));
  Tell(Kind::kSelfSuspended);
  EXPECT_TRUE(secrets.Pairs().empty());
  EXPECT_EQ(StateOf(b).denial, core::KeyDenial::kSuspended);
  EXPECT_EQ(StateOf(c).denial, core::KeyDenial::kSuspended);
  EXPECT_EQ(keys->health().code(), absl::StatusCode::kPermissionDenied);
  service.Fail(absl::OkStatus());
  service.SayOfEverybody({.generation_local = 2});
  Advance(absl::Minutes(1));
  EXPECT_TRUE(StateOf(b).installed && StateOf(c).installed);
}

TEST_F(KeyChangeOfPairs, ACallerThatIsRefusedLosesItsKeys) {
  Need({b});
  service.Fail(absl::PermissionDeniedError("unknown"));
  Tell(Kind::kPairChanged, b);
  EXPECT_FALSE(secrets.Has(a, b));
  EXPECT_THAT(StateOf(b).problem, HasSubstr("refuses this HeNB"));
  const std::size_t calls = service.calls().size() + service.registrations();
  for (int i = 0; i < 60; ++i) Advance(absl::Seconds(10));
  EXPECT_LE(service.calls().size() + service.registrations(), calls + 8);
}

TEST_F(KeyChangeOfPairs, R47AStaleAnswerIsRefusedAndLogged) {
  std::vector<std::string> lines;
  service.SayOfEverybody({.epoch = 7, .generation_peer = 2});
  Need({b});
  changes.clear();
  common::SetLogSinkForTest([&](std::string_view line) { lines.emplace_back(line); });
  service.SayOfEverybody({.epoch = 6, .generation_peer = 2});
  Tell(Kind::kPairChanged, b);
  service.SayOfEverybody({.epoch = 7, .generation_peer = 1});
  Tell(Kind::kPairChanged, b);
  service.SayOfEverybody({.epoch = 7, .generation_peer = 2, .salt = 9});
  Tell(Kind::kPairChanged, b);
  common::SetLogSinkForTest(nullptr);
  EXPECT_TRUE(HasKey(b, {.epoch = 7, .generation_peer = 2}));
  EXPECT_EQ(StateOf(b).version.epoch, 7U);
  EXPECT_TRUE(changes.empty());
  EXPECT_THAT(lines, Contains(HasSubstr("key.stale_refused")));
  EXPECT_THAT(lines, Contains(HasSubstr("conflict")));
}

TEST_F(KeyChangeOfPairs, R47AlsoAfterTheLinkWasGoneForAWhile) {
  service.SayOfEverybody({.epoch = 7});
  Need({b});
  Need({});
  service.SayOfEverybody({.epoch = 6});
  Need({b});
  EXPECT_FALSE(StateOf(b).installed);
  EXPECT_FALSE(secrets.Has(a, b));
}

TEST_F(KeyChangeOfPairs, RefreshAsksNowAlsoWhileItWaitsForARetry) {
  service.Fail(absl::UnavailableError("down"));
  Need({b});
  Advance(absl::Minutes(10));
  service.Fail(absl::OkStatus());
  absl::Status answer = absl::UnknownError("none");
  keys->Refresh(b, [&](const absl::Status& status) { answer = status; });
  Settle();
  EXPECT_TRUE(answer.ok()) << answer;
  EXPECT_TRUE(StateOf(b).installed);
  keys->Refresh(c, [&](const absl::Status& status) { answer = status; });
  Settle();
  EXPECT_EQ(answer.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyChangeOfPairs, RefreshWaitsForTheNewKeyToBeInstalled) {
  Need({b});
  service.Say(b, {.generation_local = 5});
  std::uint32_t seen = 0;
  keys->Refresh(b, [&](const absl::Status&) { seen = StateOf(b).version.generation_local; });
  Settle();
  EXPECT_EQ(seen, 5U);
}

TEST_F(KeyChangeOfPairs, R48KeysAreNotInTheLog) {
  std::string log;
  common::SetLogSinkForTest([&](std::string_view line) { log.append(line).append("\n"); });
  Need({b});
  service.Say(b, {.generation_local = 5});
  Tell(Kind::kPairChanged, b);
  common::SetLogSinkForTest(nullptr);
  const common::SecretBytes key = tests::FakeKeyService::KeyOf(b, {.generation_local = 5});
  EXPECT_EQ(log.find(common::ToHex(key.view())), std::string::npos);
  EXPECT_EQ(log.find(key.view()), std::string::npos);
}

}  // namespace
}  // namespace henb::x2sec::app
