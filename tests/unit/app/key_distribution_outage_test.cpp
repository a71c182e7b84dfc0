// R49: the key service is away when a key ends, and x2secd is started anew meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/log.h"
#include "common/strings.h"
#include "key_distribution_fixture.h"

namespace henb::x2sec::app {
namespace {

using core::KeyStanding;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class KeyServiceAway : public tests::KeyDistributionFixture {
 protected:
  void GoAway() { service.Fail(absl::UnavailableError("down")); }
  /// In steps, as timers come.
  void Pass(absl::Duration time) {
    for (absl::Duration passed; passed < time; passed += absl::Minutes(1)) Advance(absl::Minutes(1));
  }
  [[nodiscard]] KeyStanding Standing() const { return StateOf(b).standing(); }
};

TEST_F(KeyServiceAway, R49TheKeyGoesFromPlutoWhenItsTimeIsOver) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2)});
  Need({b});
  GoAway();
  Pass(absl::Minutes(119));
  EXPECT_EQ(Standing(), KeyStanding::kGood);
  EXPECT_TRUE(secrets.Has(a, b));
  changes.clear();
  std::vector<std::string> lines;
  common::SetLogSinkForTest([&](std::string_view line) { lines.emplace_back(line); });
  const int rereads = ike.calls("RereadSecrets");
  Pass(absl::Minutes(1));
  common::SetLogSinkForTest(nullptr);
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
  EXPECT_FALSE(secrets.Has(a, b));
  EXPECT_GT(ike.calls("RereadSecrets"), rereads);
  EXPECT_THAT(StateOf(b).problem, HasSubstr("key service away since 20"));
  EXPECT_EQ(StateOf(b).version.epoch, 7U) << "still shown";
  EXPECT_THAT(lines, Contains(HasSubstr("key.expired")));
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false)));
  Pass(absl::Hours(1));
  EXPECT_EQ(changes.size(), 1U) << "told once";
}

TEST_F(KeyServiceAway, R49ItComesBackByItself) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2)});
  Need({b});
  GoAway();
  Pass(absl::Hours(3));
  changes.clear();
  service.Fail(absl::OkStatus());
  service.SayOfEverybody({.epoch = 8});
  Pass(absl::Minutes(2));
  EXPECT_TRUE(HasKey(b, {.epoch = 8}));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), true))) << "an SA that is up gets a key change";
}

TEST_F(KeyServiceAway, R49AKeyThatWaitsForPlutoExpiresToo) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2)});
  ike.Kill();
  Need({b});
  GoAway();
  Pass(absl::Hours(3));
  ike.Start();
  Pass(absl::Minutes(1));
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
  EXPECT_FALSE(secrets.Has(a, b));
}

TEST_F(KeyServiceAway, R49TheNextKeyThatWasFetchedAheadGoesOnUntilItsOwnEnd) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2), .next_in = absl::Hours(1)});
  Need({b});
  GoAway();
  Pass(absl::Hours(3));
  EXPECT_TRUE(HasKey(b, {.epoch = 8}));
  Pass(absl::Hours(1));
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
}

TEST_F(KeyServiceAway, ADenialOfAnExpiredKeyEndsWhatItCarries) {
  Start();
  service.SayOfEverybody({.expire_in = absl::Hours(2)});
  Need({b});
  GoAway();
  Pass(absl::Hours(3));
  changes.clear();
  service.Fail(absl::OkStatus());
  service.Say(b, {.denial = core::KeyDenial::kNotAllowed});
  Pass(absl::Minutes(2));
  EXPECT_EQ(Standing(), KeyStanding::kNone);
  EXPECT_THAT(changes, ElementsAre(Pair(b.str(), false)));
}

TEST_F(KeyServiceAway, AKeyOfBeforeARestartIsKnownByItsNumbers) {
  Start();
  service.SayOfEverybody({.epoch = 7, .generation_local = 2, .generation_peer = 3, .expire_in = absl::Hours(4)});
  Need({b});
  GoAway();
  Restart();
  EXPECT_TRUE(StateOf(b).kept) << "before anybody needs it";
  EXPECT_EQ(StateOf(b).version, (KeyVersion{7, 2, 3}));
  EXPECT_EQ(StateOf(c).standing(), KeyStanding::kNone);
  Need({b});
  EXPECT_TRUE(StateOf(b).kept);
  EXPECT_TRUE(secrets.Has(a, b));
  service.Fail(absl::OkStatus());
  Pass(absl::Minutes(2));
  EXPECT_TRUE(StateOf(b).installed);
  EXPECT_THAT(changes, Contains(Pair(b.str(), false)));
  EXPECT_THAT(changes, ::testing::Not(Contains(Pair(b.str(), true)))) << "the same key: nothing to change";
}

TEST_F(KeyServiceAway, AnotherKeyThanBeforeTheRestartIsAChange) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(4)});
  Need({b});
  service.SayOfEverybody({.epoch = 8});
  Restart();
  Need({b});
  EXPECT_THAT(changes, Contains(Pair(b.str(), true)));
}

TEST_F(KeyServiceAway, R47AnOlderKeyIsRefusedAlsoAfterARestart) {
  Start();
  service.SayOfEverybody({.epoch = 7});
  Need({b});
  service.SayOfEverybody({.epoch = 6});
  Restart();
  Need({b});
  EXPECT_TRUE(StateOf(b).kept);
  EXPECT_TRUE(HasKey(b, {.epoch = 7}));
}

TEST_F(KeyServiceAway, R49ARestartDoesNotLengthenAKeysTime) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2)});
  Need({b});
  GoAway();
  Pass(absl::Hours(1));
  Restart();
  Need({b});
  Pass(absl::Minutes(59));
  EXPECT_EQ(Standing(), KeyStanding::kGood);
  Pass(absl::Minutes(1));
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
  EXPECT_FALSE(secrets.Has(a, b));
}

TEST_F(KeyServiceAway, R49AKeyThatExpiredWhileTheDaemonWasDownIsNotUsedAgain) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2)});
  Need({b});
  GoAway();
  keys.reset();
  Advance(absl::Hours(3));
  Start();
  EXPECT_EQ(Standing(), KeyStanding::kExpired) << "before anybody needs it";
  Need({b});
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
  EXPECT_EQ(StateOf(b).version.epoch, 7U);
  EXPECT_FALSE(secrets.Has(a, b));
}

TEST_F(KeyServiceAway, R49ThatItHasExpiredIsKnownAfterARestartAndTheNext) {
  Start();
  service.SayOfEverybody({.epoch = 7, .expire_in = absl::Hours(2)});
  Need({b});
  GoAway();
  Pass(absl::Hours(3));
  for (int restart = 0; restart < 2; ++restart) {
    Restart();
    EXPECT_EQ(Standing(), KeyStanding::kExpired) << "what carries stays";
    Need({b});
    EXPECT_EQ(Standing(), KeyStanding::kExpired);
    EXPECT_EQ(StateOf(b).version.epoch, 7U);
  }
  Need({});
  Restart();
  EXPECT_EQ(Standing(), KeyStanding::kNone);
}

TEST_F(KeyServiceAway, R49AKeyWhoseEndNobodyKnowsIsNotUsedAgain) {
  ASSERT_TRUE(secrets.Put(a, b, common::SecretBytes(32)).ok());
  GoAway();
  Start();
  Need({b});
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
  EXPECT_EQ(StateOf(b).version.epoch, 0U);
  EXPECT_THAT(secrets.Pairs(), IsEmpty());
  service.Fail(absl::OkStatus());
  Pass(absl::Minutes(2));
  EXPECT_TRUE(StateOf(b).installed);
}

TEST_F(KeyServiceAway, ADamagedLedgerKnowsNothing) {
  Start();
  Need({b});
  std::ofstream(config.secrets_file + ".ledger") << R"({"keys": {"henb-b.example": {"epoch": -1}}})";
  std::vector<std::string> lines;
  common::SetLogSinkForTest([&](std::string_view line) { lines.emplace_back(line); });
  GoAway();
  Restart();
  common::SetLogSinkForTest(nullptr);
  EXPECT_EQ(Standing(), KeyStanding::kExpired);
  EXPECT_THAT(lines, Contains(HasSubstr("key.ledger_damaged")));
}

TEST_F(KeyServiceAway, AKeptKeyGoesWhenThePairIsDenied) {
  Start();
  Need({b});
  service.Say(b, {.denial = core::KeyDenial::kNotAllowed});
  Restart();
  Need({b});
  EXPECT_EQ(Standing(), KeyStanding::kNone);
  EXPECT_TRUE(secrets.Pairs().empty());
  Restart();
  EXPECT_EQ(Standing(), KeyStanding::kNone);
}

TEST_F(KeyServiceAway, TheLedgerHoldsNumbersOnly) {
  Start();
  Need({b});
  std::ifstream file(config.secrets_file + ".ledger");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, HasSubstr("henb-b.example"));
  const common::SecretBytes key = tests::FakeKeyService::KeyOf(b, {});
  EXPECT_EQ(text.find(key.view()), std::string::npos);
  EXPECT_EQ(text.find(common::ToHex(key.view())), std::string::npos);
}

}  // namespace
}  // namespace henb::x2sec::app
