// R58: whom a revoked serial number may belong to. A guess may only be too large.
#include "henb-x2sec/revocation/serial_book.h"

#include <gtest/gtest.h>

namespace henb::x2sec::revocation {
namespace {

using Answer = SerialBook::Answer;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const common::HenbId kB = common::HenbId::Parse("henb-b.example").value();
const common::HenbId kE = common::HenbId::Parse("henb-e.example").value();

TEST(SerialBook, WhoIsNotKnownMayBeAnybodyR58) {
  EXPECT_EQ(SerialBook().Has(kB, {"b1"}), Answer::kMayBe);
  SerialBook book;
  book.Learn(kB, kNow, {{"b1", kNow}});
  book.Learn(kB, kNow + absl::Hours(1), {});
  EXPECT_EQ(book.Has(kB, {"x"}), Answer::kMayBe) << "nothing was asked when he was authenticated last";
}

TEST(SerialBook, TwoAtATimeAreToldApartByTheNextR58) {
  SerialBook book;
  const std::vector<Asked> both = {{"b1", kNow - absl::Seconds(1)}, {"e1", kNow}};
  book.Learn(kB, kNow, both);
  book.Learn(kE, kNow, both);
  EXPECT_EQ(book.Has(kB, {"b1"}), Answer::kMayBe);
  EXPECT_EQ(book.Has(kE, {"b1"}), Answer::kMayBe);
  EXPECT_EQ(book.Has(kE, {"c1"}), Answer::kNo);
  book.Learn(kE, kNow + absl::Hours(1), {{"e1", kNow + absl::Hours(1)}, {"f1", kNow + absl::Hours(1)}});
  EXPECT_EQ(book.Has(kE, {"b1"}), Answer::kNo);
  EXPECT_EQ(book.Has(kE, {"e1"}), Answer::kOnly);
}

TEST(SerialBook, QuestionsOfOtherTimesDoNotCountR58) {
  SerialBook book;
  book.Learn(kB, kNow,
             {{"old", kNow - SerialBook::kBefore - absl::Seconds(1)},
              {"b1", kNow - SerialBook::kBefore},
              {"later", kNow + SerialBook::kAfter + absl::Seconds(1)}});
  EXPECT_EQ(book.Has(kB, {"b1"}), Answer::kOnly);
  EXPECT_EQ(book.Has(kB, {"old", "later"}), Answer::kNo);
}

TEST(SerialBook, ANewCertificateTakesThePlaceOfTheOldR58) {
  SerialBook book;
  book.Learn(kB, kNow, {{"b1", kNow}});
  book.Learn(kB, kNow + absl::Hours(1), {{"b2", kNow + absl::Hours(1)}});
  EXPECT_EQ(book.Has(kB, {"b1"}), Answer::kNo);
  EXPECT_EQ(book.Has(kB, {"b2"}), Answer::kOnly);
}

TEST(ParseAsked, RefusesWhatIsNotUnderstood) {
  EXPECT_EQ(ParseAsked(R"({"asked":[{"serial":"a1","verdict":"GOOD","at_ms":1000}]})")->front().serial, "a1");
  for (const char* bad : {"", "[]", "{}", R"({"asked":[{}]})", R"({"asked":[{"serial":1,"at_ms":1}]})"}) {
    EXPECT_FALSE(ParseAsked(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace henb::x2sec::revocation
