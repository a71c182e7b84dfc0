// Certificates: what every IkeDaemon accepts and refuses (R14), and that mismatched methods are told (R9).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike_world.h"

namespace henb::tests {
namespace {

using testing::SizeIs;
using x2sec::core::ConnectionSpec;
using x2sec::core::IkeAuth;
using x2sec::core::InitiateOutcome;

struct Kind {
  const char* name;
  std::unique_ptr<IkeWorld> (*make)();
};

class IkeCertificatesTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    if (world_ == nullptr) GTEST_SKIP() << "no real plutos: X2_PLUTO_A is not set";
    at_a_ = SpecOf(world_->a, world_->b, IkeAuth::kCertificate);
    at_b_ = SpecOf(world_->b, world_->a, IkeAuth::kCertificate);
  }
  InitiateOutcome Try() {
    EXPECT_TRUE(world_->a.daemon->Add(at_a_).ok());
    EXPECT_TRUE(world_->b.daemon->Add(at_b_).ok());
    const auto report = world_->a.daemon->Initiate(at_a_.name, absl::Seconds(20));
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? report->outcome : InitiateOutcome::kOther;
  }
  /// Nothing that was refused may stay up at either end.
  void ExpectNothingUp() {
    for (const IkeEnd* end : {&world_->a, &world_->b}) {
      EXPECT_TRUE(Eventually([&] { return end->daemon->States()->child_sas.empty(); }));
    }
  }

  std::unique_ptr<IkeWorld> world_;
  ConnectionSpec at_a_, at_b_;
};

TEST_P(IkeCertificatesTest, BringsALinkUp) {
  EXPECT_EQ(Try(), InitiateOutcome::kEstablished);
  EXPECT_THAT(world_->a.daemon->States()->child_sas, SizeIs(1));
}

TEST_P(IkeCertificatesTest, RefusesAnotherAnchorThanTheExpectedOne) {  // R14
  at_a_.expected_ca = world_->a.other_ca;
  EXPECT_EQ(Try(), InitiateOutcome::kCertificateRejected);
  ExpectNothingUp();
}

TEST_P(IkeCertificatesTest, IsRefusedWhereThePeerExpectsAnotherAnchor) {  // R14
  at_b_.expected_ca = world_->b.other_ca;
  EXPECT_EQ(Try(), InitiateOutcome::kAuthenticationFailed);
  ExpectNothingUp();
}

TEST_P(IkeCertificatesTest, IsRefusedUnderANameThatIsNotInItsCertificate) {  // R14
  const auto other = *common::HenbId::Parse("henb-z.example");
  at_a_.local_id = other;
  at_b_.peer_id = other;
  const InitiateOutcome outcome = Try();
  EXPECT_TRUE(outcome == InitiateOutcome::kAuthenticationFailed || outcome == InitiateOutcome::kOther);
  ExpectNothingUp();
}

TEST_P(IkeCertificatesTest, AMismatchOfMethodsIsAnAuthenticationFailureAtBothEnds) {  // R9
  for (const auto& [at, peer] : {std::pair{&world_->a, &world_->b}, std::pair{&world_->b, &world_->a}}) {
    ASSERT_TRUE(at->secrets->Put(at->id, peer->id, common::SecretBytes::CopyOf(std::string(32, '1'))).ok());
    ASSERT_TRUE(at->daemon->RereadSecrets().ok());
  }
  at_a_ = SpecOf(world_->a, world_->b, IkeAuth::kPsk);
  EXPECT_EQ(Try(), InitiateOutcome::kAuthenticationFailed);
  const auto back = world_->b.daemon->Initiate(at_b_.name, absl::Seconds(20));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->outcome, InitiateOutcome::kAuthenticationFailed);
  ExpectNothingUp();
}

TEST_P(IkeCertificatesTest, AnRsaPeerIsTakenOnceItsKindIsKnown) {  // R18
  at_b_.local_ckaid = world_->b.rsa_ckaid;
  at_b_.local_key_is_rsa = true;
  EXPECT_EQ(Try(), InitiateOutcome::kOtherKeyKind);
  EXPECT_THAT(world_->a.daemon->States()->child_sas, SizeIs(0));
  at_a_.peer_key_is_rsa = true;
  EXPECT_EQ(Try(), InitiateOutcome::kEstablished) << "what was asked of b is the same: it takes either kind";
  const auto snapshot = world_->a.daemon->Snapshot();
  at_a_.peer_key_is_rsa = false;
  EXPECT_EQ(snapshot->fingerprints.at(at_a_.name), world_->a.daemon->Fingerprint(at_a_));
}

TEST_P(IkeCertificatesTest, AnEcdsaPeerIsToldWhenRsaWasExpected) {  // R18
  at_a_.peer_key_is_rsa = true;
  EXPECT_EQ(Try(), InitiateOutcome::kOtherKeyKind);
}

TEST_P(IkeCertificatesTest, AnRsaEndInitiatesToAnEcdsaPeerAndToAnRsaOne) {  // R18
  at_a_.local_ckaid = world_->a.rsa_ckaid;
  at_a_.local_key_is_rsa = true;
  EXPECT_EQ(Try(), InitiateOutcome::kAuthenticationFailed) << "b does not know yet";
  ExpectNothingUp();
  at_b_.peer_key_is_rsa = true;
  EXPECT_EQ(Try(), InitiateOutcome::kEstablished);
  at_b_.local_ckaid = world_->b.rsa_ckaid;
  at_b_.local_key_is_rsa = true;
  at_b_.peer_key_is_rsa = false;
  EXPECT_EQ(Try(), InitiateOutcome::kEstablished);
}

TEST_P(IkeCertificatesTest, AKeyThatIsNotThereIsNotThePeersRefusal) {
  at_a_.local_ckaid = std::string(40, '0');
  EXPECT_EQ(Try(), InitiateOutcome::kOther);
  ExpectNothingUp();
}

TEST_P(IkeCertificatesTest, ReauthenticatesWithRereadCertificates) {  // R20
  ASSERT_EQ(Try(), InitiateOutcome::kEstablished);
  ASSERT_TRUE(world_->a.daemon->RereadCertificates().ok());
  ASSERT_TRUE(world_->a.daemon->TrustNewRoots().ok());
  ASSERT_TRUE(world_->a.daemon->Reauthenticate(world_->a.daemon->States()->ike_sas.at(0).serial).ok());
  EXPECT_TRUE(Eventually([&] {
    const auto states = world_->a.daemon->States();
    return states->ike_sas.size() == 2 && states->ike_sas[1].established && states->child_sas.size() == 1;
  }));
}

INSTANTIATE_TEST_SUITE_P(Daemons, IkeCertificatesTest,
                         testing::Values(Kind{"Fake", MakeFakeWorld}, Kind{"Pluto", MakeRealWorld}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace henb::tests
