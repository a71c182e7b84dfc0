// R41: which answers of an authority's responder are held, and when it is asked again.
#include "henb-x2sec/revocation/ocsp_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strings.h"

namespace henb::x2sec::revocation {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Wish = OcspBook::Wish;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const common::SpkiHash kIssuer = common::SpkiHash::Of("issuer");
constexpr absl::Duration kRefresh = absl::Hours(1);

CertificateId Id(const std::string& serial) { return {kIssuer, serial}; }
OcspAnswer Says(Verdict verdict, absl::Time at = kNow, absl::Duration holds = absl::Hours(1)) {
  return {.verdict = verdict, .this_update = at, .next_update = at + holds};
}

TEST(OcspBook, AsksAgainBeforeTheAnswerIsHalfOverOrRefreshHasPassedR41) {
  OcspBook book;
  EXPECT_TRUE(book.Want(Id("a1"), Wish::kAskedByPluto, kNow));
  EXPECT_FALSE(book.Want(Id("a1"), Wish::kAskedByPluto, kNow));
  EXPECT_THAT(book.Due(kIssuer, kNow, kRefresh), SizeIs(1));
  ASSERT_TRUE(book.Take(Id("a1"), Says(Verdict::kGood), kNow).ok());
  EXPECT_THAT(book.Due(kIssuer, kNow + absl::Minutes(29), kRefresh), IsEmpty());
  EXPECT_THAT(book.Due(kIssuer, kNow + absl::Minutes(30), kRefresh), SizeIs(1));
  EXPECT_THAT(book.Due(kIssuer, kNow + absl::Minutes(2), absl::Minutes(1)), SizeIs(1));
  EXPECT_THAT(book.Due(common::SpkiHash::Of("another"), kNow + absl::Hours(9), kRefresh), IsEmpty());
}

TEST(OcspBook, OneThatIsNeverAnsweredKeepsNobodyWaitingR41) {
  OcspBook book;
  book.Want(Id("a1"), Wish::kAskedByPluto, kNow);
  book.Tried(Id("a1"), kNow);
  book.Want(Id("b2"), Wish::kAskedByPluto, kNow);
  EXPECT_EQ(book.Due(kIssuer, kNow, kRefresh).front(), Id("b2"));
  book.Tried(Id("b2"), kNow + absl::Seconds(1));
  EXPECT_EQ(book.Due(kIssuer, kNow, kRefresh).front(), Id("a1"));
}

TEST(OcspBook, AnOlderAnswerThatIsReplayedIsRefusedR41) {
  OcspBook book;
  book.Want(Id("a1"), Wish::kAskedByPluto, kNow);
  ASSERT_TRUE(book.Take(Id("a1"), Says(Verdict::kRevoked), kNow).value()) << "newly revoked";
  EXPECT_FALSE(book.Take(Id("a1"), Says(Verdict::kRevoked), kNow).value()) << "not newly";
  const auto replayed = book.Take(Id("a1"), Says(Verdict::kGood, kNow - absl::Seconds(1), absl::Hours(9)), kNow);
  EXPECT_EQ(replayed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(book.Revoked(kIssuer), ElementsAre("a1"));
  EXPECT_THAT(book.Good(kIssuer), IsEmpty());
  EXPECT_EQ(book.Take(Id("b2"), Says(Verdict::kGood), kNow).status().code(), absl::StatusCode::kNotFound);
}

TEST(OcspBook, WhatTheResponderDoesNotKnowIsNotGoodR41) {
  OcspBook book;
  book.Want(Id("a1"), Wish::kAskedByPluto, kNow);
  ASSERT_TRUE(book.Take(Id("a1"), Says(Verdict::kUnknown), kNow).ok());
  EXPECT_THAT(book.Good(kIssuer), IsEmpty());
  EXPECT_THAT(book.Revoked(kIssuer), IsEmpty());
  ASSERT_NE(book.Longest(kIssuer), nullptr) << "but it is there, and answers";
}

TEST(OcspBook, TellsWhatPlutoAskedAboutAndNobodyAnsweredR41) {
  OcspBook book;
  book.Want(Id("0a"), Wish::kOwn, kNow);
  EXPECT_FALSE(book.HasUnanswered(kIssuer, kNow - absl::Hours(1))) << "our own is not the SeGW's";
  book.Want(Id("a1"), Wish::kAskedByPluto, kNow);
  EXPECT_TRUE(book.HasUnanswered(kIssuer, kNow));
  EXPECT_FALSE(book.HasUnanswered(kIssuer, kNow + absl::Seconds(1)));
  ASSERT_TRUE(book.Take(Id("a1"), Says(Verdict::kGood), kNow).ok());
  EXPECT_FALSE(book.HasUnanswered(kIssuer, kNow));
}

TEST(OcspBook, IsBoundedAndForgetsR41) {
  OcspBook book;
  for (std::size_t i = 0; i < OcspBook::kMost + 5; ++i) {
    book.Want(Id(common::StrCat("1", i)), Wish::kAskedByPluto, kNow + absl::Seconds(static_cast<int>(i)));
  }
  EXPECT_THAT(book.Due(kIssuer, kNow, kRefresh), SizeIs(OcspBook::kMost));
  EXPECT_EQ(book.Take(Id("10"), Says(Verdict::kGood), kNow).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(book.Want(Id("no serial"), Wish::kAskedByPluto, kNow));
  EXPECT_FALSE(book.Want(Id(std::string(65, 'a')), Wish::kAskedByPluto, kNow));
  EXPECT_FALSE(book.Forget(kNow));
  EXPECT_TRUE(book.Forget(kNow + OcspBook::kKept + absl::Hours(9)));
  EXPECT_THAT(book.Due(kIssuer, kNow, kRefresh), IsEmpty());
}

TEST(OcspBook, ComesBackAsItWasKeptR41) {
  OcspBook book;
  for (const auto& [serial, verdict] :
       {std::pair{"a1", Verdict::kGood}, std::pair{"b2", Verdict::kRevoked}, std::pair{"c3", Verdict::kUnknown}}) {
    book.Want(Id(serial), Wish::kAskedByPluto, kNow);
    ASSERT_TRUE(book.Take(Id(serial), Says(verdict), kNow).ok());
  }
  book.Want(Id("d4"), Wish::kAskedByPluto, kNow);
  auto read = OcspBook::Parse(book.Serialise());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->Revoked(kIssuer), ElementsAre("b2"));
  EXPECT_THAT(read->Good(kIssuer), SizeIs(1));
  EXPECT_THAT(read->Due(kIssuer, kNow, kRefresh), IsEmpty()) << "what was never answered is not kept";
  EXPECT_FALSE(read->Take(Id("a1"), Says(Verdict::kGood, kNow - absl::Seconds(1)), kNow).ok()) << "no replay after it";
  const std::string good = book.Serialise();
  for (const std::string& bad : {std::string(), std::string("[]"), good.substr(0, good.size() - 1)}) {
    EXPECT_FALSE(OcspBook::Parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace henb::x2sec::revocation
