// R41: a list counts only when its issuer signed it, may do so, and it is the whole and the newest.
#include "henb-x2sec/revocation/certificate_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/revocation_builder.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::revocation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::BuildList;
using tests::ListSpec;
using tests::TestAuthority;

class CertificateListTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string Made(const ListSpec& spec) const {
    return BuildList(spec, ca_.certificate(), ca_.key()).value();
  }
  [[nodiscard]] absl::StatusOr<CertificateList> Verified(const ListSpec& spec) const {
    return VerifyCertificateList(Made(spec), {ca_.certificate()});
  }
  void Refused(const ListSpec& spec, const std::string& why) const {
    const auto list = Verified(spec);
    ASSERT_FALSE(list.ok()) << why;
    EXPECT_EQ(list.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(list.status().message()), HasSubstr(why));
  }
  const TestAuthority ca_ = TestAuthority::Root("/O=Vendor/CN=Vendor Root");
};

TEST_F(CertificateListTest, SaysWhatItsIssuerSignedR41) {
  const auto list = Verified({.revoked = {"0a1b", "00ff", "0A1B"}, .number = 7});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->revoked, ElementsAre("a1b", "ff"));
  EXPECT_TRUE(list->Revokes("ff"));
  EXPECT_FALSE(list->Revokes("fe"));
  EXPECT_EQ(list->number, "7");
  EXPECT_EQ(list->issuer, IssuerId::Of(ca_.certificate()));
  EXPECT_EQ(list->issuer_spki, ca_.certificate().spki());
  EXPECT_EQ(list->this_update, ListSpec{}.this_update);
  EXPECT_EQ(list->next_update, ListSpec{}.next_update);
}

TEST_F(CertificateListTest, AnEmptyListIsNewsTooR41) {
  const auto list = Verified({});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->revoked, IsEmpty());
}

TEST_F(CertificateListTest, RefusesAListOfSomebodyElseR41) {
  const TestAuthority other = TestAuthority::Root("/O=Vendor/CN=Other Root");
  EXPECT_TRUE(absl::IsNotFound(VerifyCertificateList(Made({}), {other.certificate()}).status()));
  EXPECT_TRUE(absl::IsNotFound(VerifyCertificateList(Made({}), {}).status()));
}

TEST_F(CertificateListTest, RefusesTheSameNameWithAnotherKeyR41) {
  const TestAuthority impostor = TestAuthority::Root("/O=Vendor/CN=Vendor Root");
  const auto list = VerifyCertificateList(Made({}), {impostor.certificate()});
  EXPECT_THAT(std::string(list.status().message()), HasSubstr("signature"));
  // With both known, the right one counts.
  const auto both = VerifyCertificateList(Made({}), {impostor.certificate(), ca_.certificate()});
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->issuer_spki, ca_.certificate().spki());
}

TEST_F(CertificateListTest, RefusesAnIssuerWithoutTheRightToSignListsR41) {
  const auto key = tests::NewKey();
  const auto certificate = tests::BuildCertificate(
      {.subject = "/O=Vendor/CN=No lists", .ca = true, .key_usage = "keyCertSign"}, key.get(), nullptr, key.get());
  ASSERT_TRUE(certificate.ok());
  const auto list = VerifyCertificateList(BuildList({}, *certificate, key.get()).value(), {*certificate});
  EXPECT_THAT(std::string(list.status().message()), HasSubstr("cRLSign"));
}

TEST_F(CertificateListTest, RefusesOneThatWasTamperedWithR41) {
  std::string der = Made({.revoked = {"11", "22"}});
  const auto at = der.find("\x02\x01\x22");
  ASSERT_NE(at, std::string::npos);
  der[at + 2] = '\x23';
  EXPECT_THAT(std::string(VerifyCertificateList(der, {ca_.certificate()}).status().message()), HasSubstr("signature"));
}

TEST_F(CertificateListTest, RefusesWhatIsNotTheWholeTruthR41) {
  Refused({.list_extension = "delta"}, "delta");
  Refused({.list_extension = "2.5.29.28"}, "critical extension");
  Refused({.list_extension = "1.2.3.4"}, "critical extension 1.2.3.4");
  Refused({.revoked = {"11"}, .entry_extension = "2.5.29.29"}, "entry 11 has the critical extension");
}

TEST_F(CertificateListTest, RefusesWeakDigestsAndMissingFieldsR41) {
  Refused({.digest = "SHA1"}, "SHA-2");
  Refused({.number = -1}, "cRLNumber");
  Refused({.number = -1, .version_2 = false}, "version 2");
  Refused({.next_update = absl::InfinitePast()}, "nextUpdate");
  Refused({.this_update = absl::FromUnixSeconds(1'900'000'000)}, "before its thisUpdate");
}

TEST_F(CertificateListTest, RefusesWhatIsNotExactlyOneListR41) {
  const std::string der = Made({});
  EXPECT_TRUE(absl::IsInvalidArgument(VerifyCertificateList(der + "x", {ca_.certificate()}).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(VerifyCertificateList(der.substr(0, der.size() - 1), {ca_.certificate()}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(VerifyCertificateList("", {ca_.certificate()}).status()));
}

TEST_F(CertificateListTest, RefusesOneBeyondTheLimitsR41) {
  const std::string der = Made({.revoked = {"1", "2", "3"}});
  EXPECT_TRUE(absl::IsResourceExhausted(
      VerifyCertificateList(der, {ca_.certificate()}, {.most_octets = der.size() - 1}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(VerifyCertificateList(der, {ca_.certificate()}, {.most_entries = 2}).status()));
  EXPECT_TRUE(VerifyCertificateList(der, {ca_.certificate()}, {.most_octets = der.size(), .most_entries = 3}).ok());
}

TEST_F(CertificateListTest, NeitherNumberNorDateGoesBackR41) {
  const CertificateList held = Verified({.revoked = {"1"}, .number = 300}).value();
  const absl::Time later = held.this_update + absl::Hours(1);
  EXPECT_EQ(Supersedes(held, held).value(), false);
  EXPECT_EQ(Supersedes(Verified({.this_update = later, .number = 301}).value(), held).value(), true);
  // 2 is not above 300, whatever its text.
  EXPECT_FALSE(Supersedes(Verified({.this_update = later, .number = 2}).value(), held).ok());
  EXPECT_FALSE(
      Supersedes(Verified({.this_update = held.this_update - absl::Hours(1), .number = 301}).value(), held).ok());
  EXPECT_FALSE(Supersedes(Verified({.this_update = later, .number = 300}).value(), held).ok());
}

TEST_F(CertificateListTest, TellsWhatIsNewlyRevokedR41) {
  const CertificateList held = Verified({.revoked = {"1", "2"}}).value();
  const CertificateList fresh = Verified({.revoked = {"2", "3"}, .number = 2}).value();
  EXPECT_THAT(NewlyRevoked(fresh, &held), ElementsAre("3"));
  EXPECT_THAT(NewlyRevoked(held, nullptr), ElementsAre("1", "2"));
}

}  // namespace
}  // namespace henb::x2sec::revocation
