#include "keydist-server/domain/connection_book.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace henb::keydist::domain {
namespace {

common::IpAddress At(std::string_view text) { return *common::IpAddress::Parse(text); }

constexpr ConnectionLimits kLimits{.total = 5, .per_place = 2, .fresh = {.refill = absl::Seconds(1), .burst = 3}};

TEST(ConnectionBook, R50OneAddressHasSoManyAndAnotherItsOwn) {
  ConnectionBook book(kLimits);
  EXPECT_TRUE(book.Admit(At("10.0.0.1"), {}).admitted);
  EXPECT_TRUE(book.Admit(At("10.0.0.1"), {}).admitted);
  const auto third = book.Admit(At("10.0.0.1"), {});
  EXPECT_FALSE(third.admitted);
  EXPECT_EQ(third.why, ConnectionRefusal::kAddress);
  EXPECT_TRUE(book.Admit(At("10.0.0.2"), {}).admitted);
  book.Recount(std::vector{At("10.0.0.1"), At("10.0.0.2")}, absl::Milliseconds(1));
  EXPECT_EQ(book.open(), 2);
  EXPECT_TRUE(book.Admit(At("10.0.0.1"), absl::Milliseconds(1)).admitted) << "one has ended";
}

TEST(ConnectionBook, R50NewOnesComeNoFasterThanTheyMayHoweverSoonTheyEnd) {
  ConnectionBook book(kLimits);
  int admitted = 0;
  for (int i = 0; i < 100; ++i) {
    const auto answer = book.Admit(At("10.0.0.1"), absl::Milliseconds(10 * i));
    admitted += answer.admitted ? 1 : 0;
    EXPECT_TRUE(answer.admitted || answer.why == ConnectionRefusal::kRate);
    book.Recount({}, absl::Milliseconds(10 * i));
  }
  EXPECT_EQ(admitted, 3) << "the burst; the next would come after a second";
  EXPECT_TRUE(book.Admit(At("10.0.0.1"), absl::Milliseconds(1001)).admitted);
}

TEST(ConnectionBook, R50TheTotalHoldsForAll) {
  ConnectionBook book(kLimits);
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(book.Admit(At("10.0.0." + std::to_string(i)), {}).admitted);
  const auto sixth = book.Admit(At("10.0.0.6"), {});
  EXPECT_FALSE(sixth.admitted);
  EXPECT_EQ(sixth.why, ConnectionRefusal::kTotal);
}

TEST(ConnectionBook, AHostsManyAddressesOfIpv6AreOnePlace) {
  EXPECT_EQ(PlaceOf(At("2001:db8:0:1::1")), PlaceOf(At("2001:db8:0:1:ffff::2")));
  EXPECT_NE(PlaceOf(At("2001:db8:0:1::1")), PlaceOf(At("2001:db8:0:2::1")));
  EXPECT_NE(PlaceOf(At("10.0.0.1")), PlaceOf(At("10.0.0.2")));
  ConnectionBook book(kLimits);
  EXPECT_TRUE(book.Admit(At("2001:db8::1"), {}).admitted);
  EXPECT_TRUE(book.Admit(At("2001:db8::2"), {}).admitted);
  EXPECT_EQ(book.Admit(At("2001:db8::3"), {}).why, ConnectionRefusal::kAddress);
}

TEST(ConnectionBook, ForgetsPlacesThatHaveNothingLeft) {
  ConnectionBook book(kLimits);
  for (int i = 0; i < 5; ++i) (void)book.Admit(At("10.0.1." + std::to_string(i)), {});
  book.Recount(std::vector{At("10.0.1.0")}, absl::Milliseconds(500));
  EXPECT_EQ(book.places(), 5U) << "their buckets are not full yet";
  book.Recount(std::vector{At("10.0.1.0")}, absl::Seconds(2));
  EXPECT_EQ(book.places(), 1U);
}

/// Random comings and goings: never more at a time than the limits, and whoever is refused would have passed them.
TEST(ConnectionBook, R50AgreesWithACountThatKnowsEveryEnd) {
  std::mt19937 random(11);
  ConnectionBook book(kLimits);
  std::map<std::string, int> open;
  int all = 0;
  absl::Duration now;
  for (int step = 0; step < 20'000; ++step) {
    now += absl::Milliseconds(random() % 200);
    const std::string address = "10.0.0." + std::to_string(random() % 4);
    if (random() % 2 == 0 && open[address] > 0) {
      --open[address];
      --all;
    }
    std::vector<common::IpAddress> live;
    for (const auto& [text, count] : open) live.insert(live.end(), static_cast<std::size_t>(count), At(text));
    book.Recount(live, now);
    const auto answer = book.Admit(At(address), now);
    if (answer.admitted) {
      ++open[address];
      ++all;
    } else if (answer.why == ConnectionRefusal::kTotal) {
      ASSERT_EQ(all, kLimits.total);
    } else if (answer.why == ConnectionRefusal::kAddress) {
      ASSERT_EQ(open[address], kLimits.per_place);
    }
    ASSERT_LE(all, kLimits.total);
    ASSERT_LE(open[address], kLimits.per_place);
  }
}

}  // namespace
}  // namespace henb::keydist::domain
