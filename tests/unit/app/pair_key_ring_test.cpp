#include "henb-x2sec/app/keys/pair_key_ring.h"

#include <gtest/gtest.h>

namespace henb::x2sec::app {
namespace {

using Verdict = PairKeyRing::Verdict;

core::PairKey Key(std::uint64_t epoch, std::uint32_t local, std::uint32_t peer,
                  absl::Duration activate_in = absl::ZeroDuration(), std::uint8_t fill = 0) {
  common::SecretBytes key(PairKeyRing::kKeySize);
  key.data()[0] = static_cast<std::uint8_t>(epoch + fill);
  return {.epoch = epoch,
          .generation_local = local,
          .generation_peer = peer,
          .key = std::move(key),
          .activate_in = activate_in,
          .expire_in = absl::Hours(24)};
}

core::PairKeys Only(core::PairKey current) {
  return {.current = std::move(current), .next = std::nullopt, .peer_facts = std::nullopt};
}
core::PairKeys With(core::PairKey current, core::PairKey next) {
  return {.current = std::move(current), .next = std::move(next), .peer_facts = std::nullopt};
}

constexpr absl::Duration kT0 = absl::Seconds(1000);

TEST(PairKeyRing, TakesTheFirstAndKnowsItAgain) {
  PairKeyRing ring;
  EXPECT_EQ(ring.Take(Only(Key(5, 1, 1)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.Take(Only(Key(5, 1, 1)), kT0), Verdict::kSame);
  EXPECT_EQ(ring.current()->version, (KeyVersion{5, 1, 1}));
}

TEST(PairKeyRing, R47RefusesOlderEpochAndGenerations) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(Only(Key(5, 2, 2)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.Take(Only(Key(4, 2, 2)), kT0), Verdict::kStale);
  EXPECT_EQ(ring.Take(Only(Key(5, 1, 2)), kT0), Verdict::kStale);
  EXPECT_EQ(ring.Take(Only(Key(5, 2, 1)), kT0), Verdict::kStale);
  EXPECT_EQ(ring.Take(Only(Key(6, 1, 3)), kT0), Verdict::kStale);
  EXPECT_EQ(ring.current()->version, (KeyVersion{5, 2, 2}));
}

TEST(PairKeyRing, R47RemembersVersionsOfKeysThatWereForgotten) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(Only(Key(5, 2, 2)), kT0), Verdict::kFresh);
  ring.Forget();
  EXPECT_FALSE(ring.current());
  EXPECT_EQ(ring.Take(Only(Key(4, 2, 2)), kT0), Verdict::kStale);
  EXPECT_EQ(ring.Take(Only(Key(5, 2, 2)), kT0), Verdict::kFresh);
}

TEST(PairKeyRing, TakesNewerEpochAndGenerations) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(Only(Key(5, 1, 1)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.Take(Only(Key(6, 1, 1)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.Take(Only(Key(6, 1, 2)), kT0), Verdict::kFresh);
}

TEST(PairKeyRing, RefusesOtherOctetsForTheSameVersionAndShortKeys) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(Only(Key(5, 1, 1)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.Take(Only(Key(5, 1, 1, absl::ZeroDuration(), 9)), kT0), Verdict::kConflict);
  core::PairKey small = Key(6, 1, 1);
  small.key = common::SecretBytes(16);
  EXPECT_EQ(ring.Take(Only(std::move(small)), kT0), Verdict::kMalformed);
}

TEST(PairKeyRing, TheNextKeyComesWhenItsTimeHasCome) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(With(Key(5, 1, 1), Key(6, 1, 1, absl::Minutes(10))), kT0), Verdict::kFresh);
  EXPECT_FALSE(ring.Advance(kT0 + absl::Minutes(9)));
  EXPECT_EQ(ring.current()->version.epoch, 5U);
  EXPECT_TRUE(ring.Advance(kT0 + absl::Minutes(10)));
  EXPECT_EQ(ring.current()->version.epoch, 6U);
  EXPECT_FALSE(ring.next());
  EXPECT_FALSE(ring.Advance(kT0 + absl::Hours(1)));
}

TEST(PairKeyRing, AServerThatChangesTheEpochALittleLaterIsNotStale) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(With(Key(5, 1, 1), Key(6, 1, 1, absl::Minutes(10))), kT0), Verdict::kFresh);
  ASSERT_TRUE(ring.Advance(kT0 + absl::Minutes(10)));
  EXPECT_EQ(ring.Take(With(Key(5, 1, 1), Key(6, 1, 1, absl::Seconds(1))), kT0 + absl::Minutes(10)), Verdict::kSame);
  EXPECT_EQ(ring.current()->version.epoch, 6U);
}

TEST(PairKeyRing, LeavesOutANextKeyThatIsOlder) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(With(Key(5, 1, 1), Key(4, 1, 1)), kT0), Verdict::kFresh);
  EXPECT_FALSE(ring.next());
}

TEST(PairKeyRing, AsksAgainBeforeTheKeyExpires) {
  PairKeyRing ring;
  EXPECT_GT(ring.AskAgainIn(kT0), absl::ZeroDuration());
  core::PairKey key = Key(5, 1, 1);
  key.expire_in = absl::Minutes(8);
  ASSERT_EQ(ring.Take(Only(std::move(key)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.AskAgainIn(kT0), absl::Minutes(7));
  EXPECT_EQ(ring.AskAgainIn(kT0 + absl::Minutes(8) - absl::Seconds(2)), absl::Seconds(5));
  EXPECT_EQ(ring.AskAgainIn(kT0 + absl::Minutes(9)), absl::Seconds(30));
}

TEST(PairKeyRing, R49TheKeyIsWipedWhenItsTimeIsOver) {
  PairKeyRing ring;
  EXPECT_EQ(ring.TurnsAt(), absl::InfiniteDuration());
  EXPECT_FALSE(ring.Expire(kT0));
  ASSERT_EQ(ring.Take(Only(Key(5, 1, 1)), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.TurnsAt(), kT0 + absl::Hours(24));
  EXPECT_FALSE(ring.Expire(kT0 + absl::Hours(24) - absl::Seconds(1)));
  ASSERT_TRUE(ring.current());
  EXPECT_TRUE(ring.Expire(kT0 + absl::Hours(24)));
  EXPECT_FALSE(ring.current());
  EXPECT_FALSE(ring.Expire(kT0 + absl::Hours(25))) << "told once";
  EXPECT_EQ(ring.Take(Only(Key(4, 1, 1)), kT0 + absl::Hours(25)), Verdict::kStale);
  EXPECT_EQ(ring.Take(Only(Key(6, 1, 1)), kT0 + absl::Hours(25)), Verdict::kFresh);
}

TEST(PairKeyRing, R49TheNextKeyComesBeforeTheCurrentOneEnds) {
  PairKeyRing ring;
  ASSERT_EQ(ring.Take(With(Key(5, 1, 1), Key(6, 1, 1, absl::Hours(20))), kT0), Verdict::kFresh);
  EXPECT_EQ(ring.TurnsAt(), kT0 + absl::Hours(20));
  EXPECT_TRUE(ring.Advance(kT0 + absl::Hours(20)));
  EXPECT_EQ(ring.TurnsAt(), kT0 + absl::Hours(24));
  EXPECT_FALSE(ring.Expire(kT0 + absl::Hours(20)));
}

TEST(PairKeyRing, AKeyKnownByItsNumbersIsTakenAnewAndItsVersionHolds) {
  PairKeyRing ring;
  ring.Recall({5, 2, 2}, kT0 + absl::Hours(1));
  EXPECT_EQ(ring.current()->version, (KeyVersion{5, 2, 2}));
  EXPECT_TRUE(ring.current()->key.empty());
  EXPECT_EQ(ring.TurnsAt(), kT0 + absl::Hours(1));
  EXPECT_EQ(ring.Take(Only(Key(4, 2, 2)), kT0), Verdict::kStale);
  EXPECT_EQ(ring.Take(Only(Key(5, 2, 2)), kT0), Verdict::kFresh) << "its octets are to be given to pluto";
  EXPECT_EQ(ring.Take(Only(Key(5, 2, 2)), kT0), Verdict::kSame);
}

}  // namespace
}  // namespace henb::x2sec::app
