// R36: the first request under a symmetric credential: bound to the device, for one certificate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

class MacEnrolment_R36 : public ::testing::Test {
 protected:
  MacEnrolment_R36() { Start(); }
  void Start(const std::string& sin = "", const std::function<void(TestCaConfig*)>& adjust = nullptr) {
    scene.StartCa(sin, [&](TestCaConfig* config) {
      config->mac_secrets = {{"henb-a.example", std::string(kSecret)}};
      if (adjust) adjust(config);
    });
  }
  x2sec::core::EnrolRequest Request(std::string_view secret = kSecret) {
    x2sec::core::EnrolRequest request = scene.Request();
    request.mac_secret = [this, secret = std::string(secret)]() -> absl::StatusOr<common::SecretBytes> {
      ++opened;
      return common::SecretBytes::CopyOf(std::string_view(secret));
    };
    return request;
  }
  void Refused(const x2sec::core::EnrolRequest& request, StatusCode code, std::string_view event) {
    const auto enrolled = scene.Enrol(request);
    ASSERT_FALSE(enrolled.ok());
    EXPECT_EQ(enrolled.status().code(), code) << enrolled.status();
    EXPECT_THAT(std::string(enrolled.status().message()), StartsWith(std::string(event) + ": "));
    EXPECT_THAT(scene.store().Keys().value(), IsEmpty()) << "nothing is installed";
  }
  std::vector<CertificateState> States() {
    std::vector<CertificateState> out;
    for (const LedgerEntry& entry : scene.ledger().Entries()) out.push_back(entry.state);
    return out;
  }

  EnrolScene scene;
  int opened = 0;
};

TEST_F(MacEnrolment_R36, EnrolsUnderTheCredentialAndTheCertificateIsCheckedAsAnyOther) {
  const auto enrolled = scene.Enrol(Request());
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(enrolled->certificate.Identity()->str(), "henb-a.example");
  EXPECT_EQ(enrolled->anchor.der(), scene.operator_root.certificate().der());
  ASSERT_EQ(scene.ledger().Entries().size(), 1U);
  EXPECT_EQ(scene.ledger().Entries()[0].protection, "MAC");
  EXPECT_EQ(scene.ledger().Entries()[0].state, CertificateState::kConfirmed);
  EXPECT_EQ(opened, 1);
  for (const char* sin : {"other-key", "other-san", "expired", "other-ca"}) {
    Start(sin);
    const auto refused = scene.Enrol(Request());
    EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition) << sin << ": " << refused.status();
    EXPECT_EQ(States(), std::vector{CertificateState::kRevoked}) << sin;
  }
}

/// A CA that may be a device's vendor does not matter: the credential alone speaks for it.
TEST_F(MacEnrolment_R36, NeedsNoVendorRootAtTheRa) {
  const TestAuthority another = TestAuthority::Root("/O=Another/CN=Root");
  Start("", [&](TestCaConfig* config) { config->vendor_roots = {another.certificate()}; });
  const auto enrolled = scene.Enrol(Request());
  EXPECT_TRUE(enrolled.ok()) << enrolled.status();
}

TEST_F(MacEnrolment_R36, AWrongSecretIsRefused) {
  Refused(Request("fedcba9876543210fedcba9876543210"), StatusCode::kFailedPrecondition, "cmp.bad_protection");
  EXPECT_THAT(States(), IsEmpty());
}

TEST_F(MacEnrolment_R36, AnotherDevicesSecretIsRefused) {
  Start("", [](TestCaConfig* config) { config->mac_secrets = {{"henb-b.example", std::string(kSecret)}}; });
  Refused(Request(), StatusCode::kFailedPrecondition, "cmp.other_protection");
  EXPECT_THAT(States(), IsEmpty());
}

TEST_F(MacEnrolment_R36, IsGoodForOneCertificate) {
  ASSERT_TRUE(scene.Enrol(Request()).ok());
  const auto again = scene.Enrol(Request());
  EXPECT_EQ(again.status().code(), StatusCode::kPermissionDenied) << again.status();
  EXPECT_THAT(std::string(again.status().message()), StartsWith("cmp.refused: "));
  EXPECT_EQ(scene.ledger().CountLive(), 1);
}

TEST_F(MacEnrolment_R36, AnswersMustBeProtectedByIt) {
  for (const auto& [sin, event] :
       {std::pair("mac-signed", "cmp.other_protection"), std::pair("altered-ip", "cmp.bad_protection"),
        std::pair("mac-sha1", "cmp.sha1_protection"), std::pair("mac-owf-sha1", "cmp.sha1_protection")}) {
    SCOPED_TRACE(sin);
    Start(sin);
    Refused(Request(), StatusCode::kFailedPrecondition, event);
    EXPECT_EQ(States(), std::vector{CertificateState::kIssued}) << "never confirmed";
  }
}

TEST_F(MacEnrolment_R36, ACredentialThatDoesNotOpenIsToldAndNothingIsSent) {
  x2sec::core::EnrolRequest request = scene.Request();
  request.mac_secret = []() -> absl::StatusOr<common::SecretBytes> {
    return absl::InvalidArgumentError("does not open with this device's key");
  };
  Refused(request, StatusCode::kFailedPrecondition, "cmp.mac_secret");
  EXPECT_THAT(States(), IsEmpty());
}

TEST_F(MacEnrolment_R36, R34AfterALostPkiConfTheCredentialIsGoodOnceMore) {
  Start("no-pkiconf");
  Refused(Request(), StatusCode::kUnavailable, "cmp.no_pkiconf");
  scene.RepentCa();
  const auto enrolled = scene.Enrol(Request());
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(States(), (std::vector{CertificateState::kRevoked, CertificateState::kConfirmed}));
}

TEST_F(MacEnrolment_R36, R32TheRenewalIsSignedAndNeedsItNoMore) {
  const auto first = scene.Enrol(Request());
  ASSERT_TRUE(first.ok()) << first.status();
  x2sec::core::EnrolRequest renewal = Request();
  renewal.current_chain = {first->certificate};
  renewal.current_chain.insert(renewal.current_chain.end(), first->intermediates.begin(), first->intermediates.end());
  const auto second = scene.Enrol(renewal);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(scene.ledger().Entries()[1].protection, "SIGNATURE");
  EXPECT_EQ(scene.ledger().CountLive(), 1);
}

}  // namespace
}  // namespace henb::tests
