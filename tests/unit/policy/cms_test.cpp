// R56: who may sign a policy for this device, and what is refused.
#include "policy/cms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/fixtures.h"
#include "tests/unit/policy/test_pki.h"

namespace henb::policy::test {
namespace {

using ::testing::HasSubstr;

constexpr char kJson[] = "{\"schema\": 1}\r\n";

class CmsR56 : public ::testing::Test {
 protected:
  [[nodiscard]] absl::StatusOr<VerifiedPolicy> Verify(std::string_view der) const {
    return VerifyPolicy(der, {{root_.certificate}, Id(kSelfId), "operator.example", kNow});
  }
  void Refused(std::string_view der, std::string_view why,
               absl::StatusCode code = absl::StatusCode::kPermissionDenied) const {
    const auto verified = Verify(der);
    EXPECT_EQ(verified.status().code(), code) << verified.status();
    EXPECT_THAT(std::string(verified.status().message()), HasSubstr(std::string(why)));
  }
  void RefusedSigner(const CertificateWish& wish, std::string_view why) const {
    Refused(SignCms(kJson, Issue(wish, &root_)), why);
  }

  Holder root_ = MakeRoot("Vendor Root");
  Holder signer_ = Issue({}, &root_);
};

TEST_F(CmsR56, TakesWhatItsOwnSigningMadeOctetForOctet) {
  const auto der = SignPolicy(kJson, signer_.certificate, signer_.KeyPem(), {});
  ASSERT_TRUE(der.ok()) << der.status();
  const auto verified = Verify(*der);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->json, kJson);
  EXPECT_EQ(verified->signer.operator_name, "operator.example");
  EXPECT_EQ(verified->signer.digest, "SHA256");
  EXPECT_EQ(verified->signer.devices, std::vector<std::string>{kSelfId});
}

TEST_F(CmsR56, TakesSha384AndIntermediatesAndSitePatterns) {
  SignWish strong;
  strong.digest = "SHA384";
  EXPECT_TRUE(Verify(SignCms(kJson, signer_, strong)).ok());
  CertificateWish middle;
  middle.name = "Vendor Configuration CA";
  middle.ca = true;
  const Holder intermediate = Issue(middle, &root_);
  CertificateWish wish;
  wish.devices = {"henb-z.other.example", "*.site.example"};
  const Holder below = Issue(wish, &intermediate);
  const auto der = SignPolicy(kJson, below.certificate, below.KeyPem(), {intermediate.certificate, root_.certificate});
  ASSERT_TRUE(der.ok()) << der.status();
  EXPECT_TRUE(Verify(*der).ok()) << Verify(*der).status();
  Refused(SignCms(kJson, below), "no valid path");  // Without the intermediate.
}

TEST_F(CmsR56, RefusesUnsigned) {
  Refused(kJson, "not a signed policy", absl::StatusCode::kInvalidArgument);
  Refused("", "not a signed policy", absl::StatusCode::kInvalidArgument);
  Refused(SignCms(kJson, signer_) + "x", "octets follow", absl::StatusCode::kInvalidArgument);
}

TEST_F(CmsR56, RefusesAltered) {
  std::string der = SignCms(kJson, signer_);
  const auto at = der.find("schema");
  ASSERT_NE(at, std::string::npos);
  der[at] = 'x';
  Refused(der, "the signature does not hold");
}

TEST_F(CmsR56, RefusesEveryFlippedBitOrReadsTheSame) {
  const std::string good = SignCms(kJson, signer_);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x04);
    const auto verified = Verify(bad);
    if (verified.ok()) {
      EXPECT_EQ(verified->json, kJson) << "octet " << i;
    }
  }
}

TEST_F(CmsR56, RefusesDetached) {
  SignWish wish;
  wish.detached = true;
  Refused(SignCms(kJson, signer_, wish), "detached", absl::StatusCode::kInvalidArgument);
}

TEST_F(CmsR56, RefusesSha1Signature) {
  SignWish wish;
  wish.digest = "SHA1";
  Refused(SignCms(kJson, signer_, wish), "the digest is not SHA-256");
}

TEST_F(CmsR56, RefusesWithoutSignedAttributes) {
  SignWish wish;
  wish.attributes = false;
  Refused(SignCms(kJson, signer_, wish), "no signed attributes");
}

TEST_F(CmsR56, RefusesTwoSigners) {
  const Holder second = Issue({}, &root_);
  SignWish wish;
  wish.more_signers = {&second};
  Refused(SignCms(kJson, signer_, wish), "has 2 signers");
}

TEST_F(CmsR56, RefusesAnotherHenbsVendorCertificate) {
  CertificateWish henb;
  henb.name = "henb-b";
  henb.configuration_eku = false;
  henb.devices = {};
  henb.operator_name = "";
  henb.dns = kPeerId;
  RefusedSigner(henb, "no configurationSigner EKU");
  henb.other_ekus = {"emailProtection", "serverAuth"};
  RefusedSigner(henb, "no configurationSigner EKU");
}

TEST_F(CmsR56, RefusesOtherPurposes) {
  CertificateWish wish;
  wish.configuration_eku = false;
  wish.other_ekus = {"anyExtendedKeyUsage"};
  RefusedSigner(wish, "no configurationSigner EKU");
  wish.configuration_eku = true;
  wish.key_usage = "critical,keyAgreement";
  RefusedSigner(wish, "does not allow digitalSignature");
}

TEST_F(CmsR56, RefusesDevicesThatAreNotListed) {
  CertificateWish wish;
  wish.devices = {"henb-b.site.example", "*.elsewhere.example", "*.a.site.example"};
  RefusedSigner(wish, "may not configure \"henb-a.site.example\"");
  wish.devices = {};
  RefusedSigner(wish, "no authorisedDevices extension");
  wish.devices_value = "DER:3000";
  RefusedSigner(wish, "not a SEQUENCE OF strings");
  wish.devices_value = "DER:3003020105";
  RefusedSigner(wish, "something other than UTF8String");
  wish.devices_value = "DER:3004040261";
  RefusedSigner(wish, "not a SEQUENCE OF strings");
}

TEST_F(CmsR56, RefusesAnotherOperator) {
  CertificateWish wish;
  wish.operator_name = "rival.example";
  RefusedSigner(wish, "of operator \"rival.example\"");
  wish.operator_name = "";
  RefusedSigner(wish, "no operator extension");
  const auto verified = VerifyPolicy(SignCms(kJson, signer_), {{root_.certificate}, Id(kSelfId), "", kNow});
  EXPECT_EQ(verified.status().code(), absl::StatusCode::kPermissionDenied);  // A device that nobody provisioned.
}

TEST_F(CmsR56, RefusesOtherRoots) {
  const Holder rival = MakeRoot("Vendor Root");  // The same name with another key.
  Refused(SignCms(kJson, Issue({}, &rival)), "no valid path");
  SignWish wish;
  wish.chain = {rival.certificate};  // Bringing its own root along.
  Refused(SignCms(kJson, Issue({}, &rival), wish), "no valid path");
  Refused(SignCms(kJson, Issue({}, nullptr)), "no valid path");
}

TEST_F(CmsR56, RefusesIssuersThatAreNoCa) {
  const Holder henb = Issue({}, &root_);
  SignWish wish;
  wish.chain = {henb.certificate};
  Refused(SignCms(kJson, Issue({}, &henb), wish), "no valid path");
}

TEST_F(CmsR56, RefusesPartialPaths) {
  CertificateWish middle;
  middle.name = "Intermediate";
  middle.ca = true;
  const Holder intermediate = Issue(middle, &root_);
  const std::string der = SignCms(kJson, Issue({}, &intermediate));
  const auto verified = VerifyPolicy(der, {{intermediate.certificate}, Id(kSelfId), "operator.example", kNow});
  EXPECT_EQ(verified.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CmsR56, RefusesCertificatesOutsideTheirTimeButNotAfterARestart) {
  CertificateWish wish;
  wish.not_after = kNow - absl::Hours(1);
  const std::string der = SignCms(kJson, Issue(wish, &root_));
  Refused(der, "expired");
  SignatureExpectation later{{root_.certificate}, Id(kSelfId), "operator.example", kNow};
  later.check_time = false;
  EXPECT_TRUE(VerifyPolicy(der, later).ok());
  wish = {};
  wish.not_before = kNow + absl::Hours(1);
  RefusedSigner(wish, "not yet valid");
}

TEST_F(CmsR56, RefusesSha1InThePath) {
  CertificateWish wish;
  wish.sha1 = true;
  RefusedSigner(wish, "no valid path");
}

TEST_F(CmsR56, SigningRefusesTheWrongKeyAndTheWrongCertificate) {
  const Holder other = Issue({}, &root_);
  EXPECT_EQ(SignPolicy(kJson, signer_.certificate, other.KeyPem(), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  CertificateWish henb;
  henb.configuration_eku = false;
  const Holder no_signer = Issue(henb, &root_);
  EXPECT_THAT(std::string(SignPolicy(kJson, no_signer.certificate, no_signer.KeyPem(), {}).status().message()),
              HasSubstr("configurationSigner"));
  EXPECT_FALSE(
      SignPolicy(kJson, signer_.certificate, common::SecretBytes::CopyOf(std::string_view("no key")), {}).ok());
}

TEST_F(CmsR56, ShowsContentWithoutBelievingIt) {
  EXPECT_EQ(UnverifiedContent(SignCms(kJson, Issue({}, nullptr))).value(), kJson);
  EXPECT_TRUE(LooksLikeDer(SignCms(kJson, signer_)));
  EXPECT_FALSE(LooksLikeDer(kJson));
}

}  // namespace
}  // namespace henb::policy::test
