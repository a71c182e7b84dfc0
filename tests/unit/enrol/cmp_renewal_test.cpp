// Renewal by kur against a CA that keeps a ledger (R32): whatever happens, one live certificate for the device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/nss_database.h"
#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::SizeIs;
using ::testing::StartsWith;
using x2sec::core::Enrolled;
using x2sec::core::EnrolRequest;

constexpr auto kConfirmed = CertificateState::kConfirmed;
constexpr auto kRevoked = CertificateState::kRevoked;

std::string MessageOf(const absl::StatusOr<Enrolled>& result) { return std::string(result.status().message()); }

/// A device that is enrolled at a CA which sins from then on.
class CmpRenewal : public ::testing::Test {
 protected:
  void EnrolFirst(const std::string& sin = "", const std::function<void(TestCaConfig*)>& adjust = nullptr) {
    scene_.StartCa(sin, adjust);
    scene_.ca().Repent();
    first_ = scene_.Enrol().value();
    scene_.ca().Relapse();
  }
  [[nodiscard]] EnrolRequest Renewal() const {
    EnrolRequest request = scene_.Request();
    request.current_chain = {first_->certificate};
    for (const auto& each : first_->intermediates) request.current_chain.push_back(each);
    return request;
  }
  [[nodiscard]] CertificateState StateOf(const common::Certificate& certificate) {
    return scene_.ledger().Find(certificate.serial_hex()).value().state;
  }
  /// The certificate and key of before are there, and the only live ones.
  void ExpectOnlyTheFirstLives() {
    EXPECT_EQ(StateOf(first_->certificate), kConfirmed);
    EXPECT_EQ(scene_.ledger().CountLive(), 1);
    EXPECT_TRUE(scene_.store().HasCertificate(first_->certificate).value());
    EXPECT_THAT(scene_.store().Keys().value(), SizeIs(1));
  }

  EnrolScene scene_;
  std::optional<Enrolled> first_;
};

TEST_F(CmpRenewal, R32ANewKeyAndCertificateSupersedeTheOld) {
  EnrolFirst();
  const auto renewed = scene_.Enrol(Renewal());
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_NE(renewed->ckaid, first_->ckaid);
  EXPECT_EQ(renewed->certificate.subject(), first_->certificate.subject());
  EXPECT_EQ(renewed->certificate.Identity().value(), first_->certificate.Identity().value());
  EXPECT_EQ(StateOf(renewed->certificate), kConfirmed);
  EXPECT_EQ(StateOf(first_->certificate), kRevoked);
  EXPECT_EQ(scene_.ledger().Find(first_->certificate.serial_hex())->reason, "superseded");
  EXPECT_TRUE(scene_.store().HasCertificate(first_->certificate).value()) << "links still use it";
  EXPECT_THAT(scene_.store().Keys().value(), SizeIs(2));
  EXPECT_TRUE(absl::IsNotFound(common::ReadFile(scene_.state_path()).status())) << "no state is left";
}

TEST_F(CmpRenewal, R32BothKeysStayInARealNssDatabase) {
  const NssDatabase database;
  const auto store = x2sec::nss::NssCertificateStore::Open(database.path()).value();
  scene_.UseStore(store.get());
  EnrolFirst();
  const auto renewed = scene_.Enrol(Renewal());
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_THAT(store->Keys().value(), SizeIs(2));
  ASSERT_TRUE(store->DeleteKey(first_->ckaid).ok());
  const auto keys = store->Keys().value();
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_EQ(keys[0].ckaid, renewed->ckaid);
  EXPECT_EQ(keys[0].certificate.der(), renewed->certificate.der());
}

TEST_F(CmpRenewal, R32RenewalAfterRenewal) {
  EnrolFirst();
  for (int i = 0; i < 3; ++i) {
    auto renewed = scene_.Enrol(Renewal());
    ASSERT_TRUE(renewed.ok()) << renewed.status();
    first_ = *std::move(renewed);
  }
  EXPECT_EQ(scene_.ledger().CountLive(), 1);
  EXPECT_EQ(StateOf(first_->certificate), kConfirmed);
}

TEST_F(CmpRenewal, R32AnExpiredCertificateIsFollowedByIrWithTheVendorCertificate) {
  const TestCredential expired = scene_.operator_ca.Issue({.subject = "/CN=henb-a.example",
                                                           .dns_names = {"henb-a.example"},
                                                           .not_before = absl::Now() - absl::Hours(48),
                                                           .not_after = absl::Now() - absl::Hours(24)});
  EnrolRequest request = scene_.Request();
  request.current_chain = {expired.certificate};
  const auto enrolled = scene_.Enrol(request);
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(StateOf(enrolled->certificate), kConfirmed);
}

TEST_F(CmpRenewal, R32ARefusedKurLeavesTheOldCertificateAndIsNoIr) {
  EnrolFirst();
  ASSERT_TRUE(scene_.ledger().Set(first_->certificate.serial_hex(), kRevoked, "by the operator").ok());
  const auto refused = scene_.Enrol(Renewal());
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(MessageOf(refused), StartsWith("cmp.refused: "));
  EXPECT_THAT(scene_.ledger().Entries(), SizeIs(1)) << "a revoked device does not come back by itself";
  EXPECT_TRUE(scene_.store().HasCertificate(first_->certificate).value());
}

TEST_F(CmpRenewal, R32AnUnreachableCaLeavesTheOldCertificate) {
  EnrolFirst();
  const EnrolRequest renewal = Renewal();
  scene_.StopCa();
  EXPECT_EQ(scene_.Enrol(renewal).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(scene_.store().HasCertificate(first_->certificate).value());
}

TEST_F(CmpRenewal, R32ACertificateThatDoesNotHoldIsRejectedAndTheOldLivesOn) {
  EnrolFirst("other-subject");
  EXPECT_THAT(MessageOf(scene_.Enrol(Renewal())), StartsWith("cmp.other_subject: "));
  ExpectOnlyTheFirstLives();
}

TEST_F(CmpRenewal, R32AConfirmationThatTheCaRefusesLeavesTheOld) {
  EnrolFirst("reject-certconf");
  EXPECT_THAT(MessageOf(scene_.Enrol(Renewal())), StartsWith("cmp.confirmation_refused: "));
  ExpectOnlyTheFirstLives();
}

TEST_F(CmpRenewal, R32R34AfterALostPkiConfOneCertificateLives) {
  EnrolFirst("no-pkiconf");
  EXPECT_THAT(MessageOf(scene_.Enrol(Renewal())), StartsWith("cmp.no_pkiconf: "));
  EXPECT_EQ(StateOf(first_->certificate), kRevoked) << "the CA has confirmed its successor";
  scene_.ca().Repent();
  const auto enrolled = scene_.Enrol(Renewal());
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(StateOf(enrolled->certificate), kConfirmed);
  EXPECT_EQ(scene_.ledger().CountLive(), 1);
  EXPECT_THAT(scene_.store().Keys().value(), SizeIs(2)) << "the old one and the new";
}

TEST_F(CmpRenewal, R29R32AnImplicitConfirmationThatWasNotWantedLeavesOneWayBack) {
  EnrolFirst("other-subject", [](TestCaConfig* config) { config->grant_implicit_confirm = true; });
  EnrolRequest renewal = Renewal();
  renewal.allow_implicit_confirm = true;
  EXPECT_THAT(MessageOf(scene_.Enrol(renewal)), StartsWith("cmp.other_subject: "));
  EXPECT_EQ(scene_.ledger().CountLive(), 0) << "superseded, and the successor revoked by rr";
  scene_.ca().Repent();
  const auto enrolled = scene_.Enrol(renewal);
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(scene_.ledger().CountLive(), 1);
}

TEST_F(CmpRenewal, R32R35ACaThatSaysWaitingToAKur) {
  EnrolFirst();
  const auto clock = std::make_shared<common::FakeClock>(absl::Now());
  scene_.clock = clock.get();
  scene_.UseWait([&](absl::Duration delay) {
    clock->Advance(delay);
    return true;
  });
  scene_.ca().set_waiting_polls(2);
  const auto renewed = scene_.Enrol(Renewal());
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(scene_.ledger().CountLive(), 1);
}

TEST_F(CmpRenewal, RefusesWhatCanNotSign) {
  EnrolFirst();
  EnrolRequest other = Renewal();
  other.current_chain = {scene_.operator_ca.IssueHenb("henb-z.example").certificate};
  EXPECT_EQ(scene_.Enrol(other).status().code(), StatusCode::kInvalidArgument);
  other.current_chain = {scene_.operator_ca.IssueHenb("henb-a.example").certificate};
  EXPECT_EQ(scene_.Enrol(other).status().code(), StatusCode::kNotFound) << "its key is not here";
  ExpectOnlyTheFirstLives();
}

}  // namespace
}  // namespace henb::tests
