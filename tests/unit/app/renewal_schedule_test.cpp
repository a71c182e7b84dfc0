// When a certificate is due for renewal.
#include "henb-x2sec/app/enrolment/renewal_schedule.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/test_pki.h"

namespace henb::x2sec::app {
namespace {

TEST(RenewalSchedule, R32IsDueBeforeTwoThirdsOfTheLifetime) {
  const absl::Time begin = absl::FromUnixSeconds(1'800'000'000);
  for (const absl::Duration lifetime : {absl::Seconds(60), absl::Hours(24), absl::Hours(24 * 730)}) {
    for (const std::uint32_t draw : {0U, 1U, 0x80000000U, 0xffffffffU}) {
      const absl::Duration after = RenewalDue(begin, begin + lifetime, draw) - begin;
      EXPECT_GE(after, lifetime * 0.5999);
      EXPECT_LT(after, lifetime * 2 / 3);
    }
  }
}

TEST(RenewalSchedule, R32CertificatesOfOneMomentAreDueApartAndARestartChangesNothing) {
  const tests::TestAuthority ca = tests::TestAuthority::Root("/CN=Operator");
  const absl::Time begin = absl::FromUnixSeconds(1'800'000'000);
  std::set<absl::Time> dues;
  for (int i = 0; i < 8; ++i) {
    const common::Certificate certificate = ca.Issue({.subject = "/CN=henb-a.example",
                                                      .dns_names = {"henb-a.example"},
                                                      .not_before = begin,
                                                      .not_after = begin + absl::Hours(24 * 90)})
                                                .certificate;
    EXPECT_EQ(RenewalDue(certificate), RenewalDue(certificate));
    dues.insert(RenewalDue(certificate));
  }
  EXPECT_EQ(dues.size(), 8U);
}

TEST(RenewalSchedule, R32TheAlarmComesAfterTheRenewalWasDueAndNotYearsAhead) {
  const absl::Time begin = absl::FromUnixSeconds(1'800'000'000);
  const absl::Duration days90 = absl::Hours(24 * 90);
  EXPECT_EQ(ExpiryWarningFrom(begin, begin + days90), begin + absl::Hours(24 * 72));
  const absl::Duration years20 = absl::Hours(24 * 7300);
  EXPECT_EQ(ExpiryWarningFrom(begin, begin + years20), begin + years20 - absl::Hours(24 * 30));
  EXPECT_GT(ExpiryWarningFrom(begin, begin + days90), RenewalDue(begin, begin + days90, 0xffffffffU));
}

}  // namespace
}  // namespace henb::x2sec::app
