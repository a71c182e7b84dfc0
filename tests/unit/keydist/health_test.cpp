#include "keydist-server/app/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keydist-server/service/call_quota.h"

namespace henb::keydist::app {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(2'000'000'000);

TEST(TlsHealth, SaysWhenTheCertificateEnds) {
  const auto good =
      TlsHealth({.certificate_ends = kNow + absl::Hours(49), .first_anchor_ends = {}, .reload = {}}, kNow);
  EXPECT_TRUE(good.ok);
  EXPECT_EQ(good.detail, "the certificate expires in 2 days");
  const auto soon =
      TlsHealth({.certificate_ends = kNow + absl::Minutes(90), .first_anchor_ends = {}, .reload = {}}, kNow);
  EXPECT_TRUE(soon.ok);
  EXPECT_THAT(soon.detail, HasSubstr("90 minutes"));
  EXPECT_FALSE(TlsHealth({.certificate_ends = kNow, .first_anchor_ends = {}, .reload = {}}, kNow).ok);
}

TEST(TlsHealth, FailsOnAnExpiredAnchorAndARefusedReload) {
  const TlsFacts facts{.certificate_ends = kNow + absl::Hours(49),
                       .first_anchor_ends = kNow - absl::Seconds(1),
                       .reload = absl::InvalidArgumentError("server.key: not a key")};
  const auto health = TlsHealth(facts, kNow);
  EXPECT_FALSE(health.ok);
  EXPECT_THAT(health.detail, HasSubstr("an anchor has expired"));
  EXPECT_THAT(health.detail, HasSubstr("refused: server.key: not a key"));
}

TEST(LimitsHealth, CountsTheLastMinute) {
  LimitsHealth limits("limits", service::CallQuota::kLimitNames,
                      static_cast<std::size_t>(service::CallQuota::Limit::kCallers));
  EXPECT_TRUE(limits.Read().ok);
  std::array<std::uint64_t, service::CallQuota::kLimitNames.size()> refused{};
  refused[static_cast<std::size_t>(service::CallQuota::Limit::kRate)] = 100;  // Before the first look.
  for (int second = 0; second < 200; ++second) {
    if (second == 100) refused[static_cast<std::size_t>(service::CallQuota::Limit::kRate)] += 7;
    limits.Note(refused, absl::Seconds(second));
    if (second == 99) EXPECT_EQ(limits.Read().detail, "");
    if (second == 100 || second == 159) EXPECT_EQ(limits.Read().detail, "refused in the last minute: rate 7") << second;
    if (second == 161) EXPECT_EQ(limits.Read().detail, "");
  }
  EXPECT_TRUE(limits.Read().ok) << "one HeNB that asks too much is no fault of the service's";
  refused[static_cast<std::size_t>(service::CallQuota::Limit::kCallers)] += 1;
  limits.Note(refused, absl::Seconds(200));
  EXPECT_FALSE(limits.Read().ok);
}

}  // namespace
}  // namespace henb::keydist::app
