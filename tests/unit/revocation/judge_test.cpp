// R41: the truth table of the judge.
#include "henb-x2sec/revocation/judge.h"

#include <gtest/gtest.h>

namespace henb::x2sec::revocation {
namespace {

using policy::Revocation;
using policy::RevocationMode;

constexpr absl::Duration kGrace = absl::Hours(2);
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

/// Ages of news, by when it was (or will be) over.
enum class Age { kNone, kFresh, kJustOver, kEndOfGrace, kBeyondGrace, kOfTheFuture };

News NewsOf(Verdict verdict, Age age) {
  News news{.verdict = verdict, .this_update = kNow - absl::Hours(9), .fresh_until = kNow};
  switch (age) {
    case Age::kNone:
      return News{};
    case Age::kFresh:
      break;
    case Age::kJustOver:
      news.fresh_until = kNow - absl::Seconds(1);
      break;
    case Age::kEndOfGrace:
      news.fresh_until = kNow - kGrace;
      break;
    case Age::kBeyondGrace:
      news.fresh_until = kNow - kGrace - absl::Seconds(1);
      break;
    case Age::kOfTheFuture:
      news.this_update = kNow + kClockSkew + absl::Seconds(1);
      news.fresh_until = kNow + absl::Hours(9);
      break;
  }
  return news;
}

/// Written the other way round than the judge: what each mode still accepts as good.
Verdict Expected(RevocationMode mode, Verdict verdict, Age age, bool clock_sane) {
  if (age == Age::kNone) return mode == RevocationMode::kSoft ? Verdict::kGood : Verdict::kUnknown;
  if (verdict == Verdict::kRevoked) return Verdict::kRevoked;
  if (mode == RevocationMode::kSoft) return Verdict::kGood;
  const bool in_time =
      age == Age::kFresh || (mode == RevocationMode::kGrace && (age == Age::kJustOver || age == Age::kEndOfGrace));
  return verdict == Verdict::kGood && clock_sane && in_time ? Verdict::kGood : Verdict::kUnknown;
}

TEST(Judge, TruthTableR41) {
  for (const RevocationMode mode : {RevocationMode::kStrict, RevocationMode::kGrace, RevocationMode::kSoft}) {
    for (const Verdict verdict : {Verdict::kGood, Verdict::kRevoked, Verdict::kUnknown}) {
      for (const Age age :
           {Age::kNone, Age::kFresh, Age::kJustOver, Age::kEndOfGrace, Age::kBeyondGrace, Age::kOfTheFuture}) {
        for (const bool sane : {true, false}) {
          EXPECT_EQ(Judge({mode, kGrace}, NewsOf(verdict, age), kNow, sane), Expected(mode, verdict, age, sane))
              << "mode " << static_cast<int>(mode) << ", " << NameOf(verdict) << ", age " << static_cast<int>(age)
              << ", clock sane " << sane;
        }
      }
    }
  }
}

TEST(Judge, AModeThatIsNotEnumeratedAcceptsNothingR41) {
  const Revocation odd{static_cast<RevocationMode>(99), kGrace};
  EXPECT_EQ(Judge(odd, NewsOf(Verdict::kGood, Age::kFresh), kNow, true), Verdict::kUnknown);
  EXPECT_EQ(GoodUntil(odd, kNow), absl::InfinitePast());
}

TEST(Judge, GoodUntilIsWhereJudgeTurnsR41) {
  for (const RevocationMode mode : {RevocationMode::kStrict, RevocationMode::kGrace}) {
    const Revocation terms{mode, kGrace};
    const News news = NewsOf(Verdict::kGood, Age::kFresh);
    const absl::Time until = GoodUntil(terms, news.fresh_until);
    EXPECT_EQ(Judge(terms, news, until, true), Verdict::kGood);
    EXPECT_EQ(Judge(terms, news, until + absl::Seconds(1), true), Verdict::kUnknown);
  }
  EXPECT_EQ(GoodUntil({RevocationMode::kSoft, kGrace}, kNow), absl::InfiniteFuture());
}

TEST(StaleFor, CountsFromNextUpdateR41) {
  EXPECT_EQ(StaleFor(NewsOf(Verdict::kGood, Age::kFresh), kNow, true), absl::ZeroDuration());
  EXPECT_EQ(StaleFor(NewsOf(Verdict::kGood, Age::kEndOfGrace), kNow, true), kGrace);
  EXPECT_EQ(StaleFor(NewsOf(Verdict::kGood, Age::kFresh), kNow, false), absl::InfiniteDuration());
  EXPECT_EQ(StaleFor(NewsOf(Verdict::kGood, Age::kOfTheFuture), kNow, true), absl::InfiniteDuration());
  EXPECT_EQ(StaleFor(News{}, kNow, true), absl::InfiniteDuration());
}

}  // namespace
}  // namespace henb::x2sec::revocation
