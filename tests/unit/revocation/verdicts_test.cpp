// R41: what x2secd leaves for x2sec-ocspd, and what it means there.
#include "henb-x2sec/revocation/verdicts.h"

#include <gtest/gtest.h>

#include "tests/support/test_pki.h"

namespace henb::x2sec::revocation {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class VerdictsTest : public ::testing::Test {
 protected:
  [[nodiscard]] Verdicts Some() const {
    return {
        .made = kNow,
        .issuers = {
            {.issuer = IssuerId::Of(ca_.certificate()), .revoked = {"a1", "b2"}, .good_until = kNow + absl::Hours(1)}}};
  }
  [[nodiscard]] Subject About(const std::string& serial, bool sha256 = false) const {
    const IssuerId id = IssuerId::Of(ca_.certificate());
    return {.sha256 = sha256,
            .name_hash = sha256 ? id.name_sha256 : id.name_sha1,
            .key_hash = sha256 ? id.key_sha256 : id.key_sha1,
            .serial = serial};
  }
  const tests::TestAuthority ca_ = tests::TestAuthority::Root("/O=Vendor/CN=Vendor Root");
};

TEST_F(VerdictsTest, ComeBackAsTheyWereLeftR41) {
  Verdicts verdicts = Some();
  verdicts.issuers.push_back(verdicts.issuers.front());
  verdicts.issuers.back().good_until = absl::InfiniteFuture();
  verdicts.issuers.back().links_shut = true;
  const auto read = ParseVerdicts(Serialise(verdicts));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, verdicts);
}

TEST_F(VerdictsTest, ByOcspOnlyThoseAreGoodThatWereAskedAboutR41) {
  Verdicts verdicts = Some();
  verdicts.issuers[0].good_until = absl::UnixEpoch();
  verdicts.issuers[0].by_ocsp = true;
  verdicts.issuers[0].good = {{"c3", kNow + absl::Minutes(5)}, {"a1", absl::InfiniteFuture()}};
  EXPECT_EQ(*ParseVerdicts(Serialise(verdicts)), verdicts);
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow), Verdict::kGood);
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow + absl::Minutes(6)), Verdict::kUnknown);
  EXPECT_EQ(VerdictFor(verdicts, About("d4"), kNow), Verdict::kUnknown);
  EXPECT_EQ(VerdictFor(verdicts, About("a1"), kNow), Verdict::kRevoked) << "revoked is revoked";
  EXPECT_TRUE(IsAwaited(verdicts, About("d4"), kNow));
  EXPECT_FALSE(IsAwaited(verdicts, About("c3"), kNow + absl::Minutes(6))) << "it was answered, and the answer is over";
  EXPECT_FALSE(IsAwaited(verdicts, About("a1"), kNow));
  verdicts.issuers[0].links_shut = true;
  EXPECT_FALSE(IsAwaited(verdicts, About("d4"), kNow)) << "good at once, for the backhaul";
  verdicts.issuers[0] = {.issuer = verdicts.issuers[0].issuer, .revoked = {}, .good_until = kNow - absl::Hours(1)};
  EXPECT_FALSE(IsAwaited(verdicts, About("d4"), kNow)) << "a list that is over: nothing comes from asking";
}

TEST_F(VerdictsTest, RefuseOtherVersionsAndWhatIsNotWholeR41) {
  const std::string good = Serialise(Some());
  for (std::string bad : {std::string(), std::string("[]"), good.substr(0, good.size() - 1), good + "x"}) {
    EXPECT_FALSE(ParseVerdicts(bad).ok()) << bad;
  }
  std::string other = good;
  other.replace(other.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_FALSE(ParseVerdicts(other).ok());
  std::string unsorted = good;
  unsorted.replace(unsorted.find("\"a1\",\"b2\""), 9, "\"b2\",\"a1\"");
  EXPECT_FALSE(ParseVerdicts(unsorted).ok()) << "a search would not find what is there";
  std::string short_hash = good;
  short_hash.replace(short_hash.find("\"key_sha1\":\""), 14, "\"key_sha1\":\"");
  EXPECT_FALSE(ParseVerdicts(short_hash).ok());
}

TEST_F(VerdictsTest, RevokedIsRevokedWhateverTheAgeR41) {
  for (const bool sha256 : {false, true}) {
    for (const absl::Time now : {kNow, kNow + absl::Hours(9), kNow - absl::Hours(9)}) {
      Verdicts verdicts = Some();
      EXPECT_EQ(VerdictFor(verdicts, About("a1", sha256), now), Verdict::kRevoked);
      verdicts.issuers[0].links_shut = true;
      EXPECT_EQ(VerdictFor(verdicts, About("b2", sha256), now), Verdict::kRevoked);
    }
  }
}

TEST_F(VerdictsTest, GoodHoldsAsLongAsTheRulesSayR41) {
  Verdicts verdicts = Some();
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow), Verdict::kGood);
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow + absl::Hours(1)), Verdict::kGood);
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow + absl::Hours(1) + absl::Seconds(1)), Verdict::kUnknown);
  // A clock set back must not make old news young.
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow - absl::Hours(1)), Verdict::kUnknown);
  verdicts.issuers[0].good_until = absl::InfiniteFuture();
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow + absl::Hours(9999)), Verdict::kGood) << "SOFT";
}

TEST_F(VerdictsTest, WhereX2secdHasShutTheLinksTheBackhaulMayComeUpR41) {
  Verdicts verdicts = Some();
  verdicts.issuers[0].links_shut = true;
  EXPECT_EQ(VerdictFor(verdicts, About("c3"), kNow + absl::Hours(9)), Verdict::kGood);
}

TEST_F(VerdictsTest, OtherIssuersAreNoneOfOursR41) {
  const Verdicts verdicts = Some();
  Subject other = About("a1");
  other.key_hash = std::string(40, '0');
  EXPECT_EQ(VerdictFor(verdicts, other, kNow), Verdict::kGood) << "the same name with another key is another issuer";
}

}  // namespace
}  // namespace henb::x2sec::revocation
