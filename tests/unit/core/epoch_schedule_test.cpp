#include "henb-x2sec/core/epoch_schedule.h"

#include <gtest/gtest.h>

namespace henb::x2sec::core {
namespace {

TEST(EpochSchedule, AChangeIsDueOnlyWhereAKeyThatCarriesIsReplaced) {
  EXPECT_FALSE(KeyChangeStartsIn(false, true, true));
  EXPECT_FALSE(KeyChangeStartsIn(true, false, true));
  EXPECT_TRUE(KeyChangeStartsIn(true, true, true));
}

TEST(EpochSchedule, TheLowerIdentityStartsWellBeforeTheHigher) {
  EXPECT_LT(*KeyChangeStartsIn(true, true, true) * 10, *KeyChangeStartsIn(true, true, false));
}

TEST(EpochSchedule, AFailedChangeComesAgainLaterAndLaterButAlways) {
  EXPECT_EQ(KeyChangeAgainIn(0), absl::Seconds(2));
  EXPECT_EQ(KeyChangeAgainIn(1), absl::Seconds(4));
  for (int attempts = 0; attempts < 100; ++attempts) {
    EXPECT_LE(KeyChangeAgainIn(attempts), KeyChangeAgainIn(attempts + 1));
    EXPECT_LE(KeyChangeAgainIn(attempts), absl::Minutes(2));
  }
}

TEST(EpochSchedule, R49ConnectionsStayOnAnExpiredKeyOnlyWhileSasCarry) {
  for (const bool carries : {false, true}) {
    EXPECT_TRUE(ConnectionsStay(KeyStanding::kGood, carries));
    EXPECT_FALSE(ConnectionsStay(KeyStanding::kNone, carries)) << "denied: at once";
    EXPECT_EQ(ConnectionsStay(KeyStanding::kExpired, carries), carries);
  }
}

TEST(EpochSchedule, R49OnlyAKeyThatHasNotExpiredProvesLife) {
  EXPECT_TRUE(AuthenticationCounts(KeyStanding::kGood));
  EXPECT_FALSE(AuthenticationCounts(KeyStanding::kExpired));
  EXPECT_FALSE(AuthenticationCounts(KeyStanding::kNone));
}

}  // namespace
}  // namespace henb::x2sec::core
