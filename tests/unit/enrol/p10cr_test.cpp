// p10cr → cp → certConf → pkiConf against the RA/CA of the tests, which has its own opinion of who may ask for whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/enrol/cmp_session.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/pkcs10.h"
#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using x2sec::enrol::CertifiedPath;
using x2sec::enrol::Pkcs10;

/// A NEM with a credential of the operator's, and a device behind it.
class P10cr : public ::testing::Test {
 protected:
  P10cr() { Start(); }

  void Start(const std::string& sin = "") {
    scene.StartCa(sin, [this](TestCaConfig* config) {
      config->nems = {nem.certificate};
      config->devices = {"henb-a.example"};
    });
  }
  Pkcs10 RequestOf(const std::string& name) {
    const auto id = common::HenbId::Parse(name).value();
    return x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, device_key).value()).value();
  }
  x2sec::enrol::CmpSessionParts PartsOf(const TestCredential& signer) {
    transport = x2sec::enrol::HttpTransport::Create(scene.url()).value();
    return {*transport,
            scene.system_clock,
            recipient.get(),
            {scene.operator_root.certificate()},
            {signer.certificate, scene.operator_ca.certificate()},
            signer.key,
            absl::Seconds(5),
            absl::Seconds(20),
            &random,
            [](absl::Duration) { return true; }};
  }
  absl::StatusOr<CertifiedPath> Ask(const TestCredential& signer, const Pkcs10& pkcs10) {
    const auto parts = PartsOf(signer);
    x2sec::enrol::CmpSession session(parts);
    return session.RequestCertificate({.type = x2sec::enrol::BodyType::kP10cr,
                                       .key = pkcs10.public_key,
                                       .subject = pkcs10.subject(),
                                       .identity = pkcs10.identity,
                                       .keep = nullptr,
                                       .pkcs10 = pkcs10.request.get()});
  }

  EnrolScene scene;
  TestCredential nem = scene.operator_ca.Issue({.subject = "/O=Operator 1/CN=NEM 1"});
  std::shared_ptr<EVP_PKEY> device_key{NewKey().release(), EVP_PKEY_free};
  x2sec::enrol::OpensslPtr<X509_NAME> recipient = x2sec::enrol::ParseDistinguishedName(scene.ra_name).value();
  std::unique_ptr<x2sec::enrol::CmpTransport> transport;
  common::SystemRandom random;
};

TEST_F(P10cr, R39ANemGetsACertificateForAListedDeviceAndConfirmsIt) {
  const auto path = Ask(nem, RequestOf("henb-a.example"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(path->certificate.Identity().value().str(), "henb-a.example");
  ASSERT_EQ(scene.ledger().Entries().size(), 1U);
  const LedgerEntry entry = scene.ledger().Entries().front();
  EXPECT_EQ(entry.state, CertificateState::kConfirmed);
  EXPECT_EQ(entry.identity, "henb-a.example");
  EXPECT_EQ(entry.through, nem.certificate.serial_hex());
}

TEST_F(P10cr, R39ADeviceThatTheOperatorDidNotListGetsNothingEvenFromATakenOverNem) {
  const auto path = Ask(nem, RequestOf("henb-rogue.example"));
  EXPECT_EQ(path.status().code(), StatusCode::kPermissionDenied) << path.status();
  EXPECT_THAT(std::string(path.status().message()), HasSubstr("not on the list"));
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST_F(P10cr, R39AnEmptyListLetsNoDeviceInThroughANem) {
  scene.StartCa("", [this](TestCaConfig* config) { config->nems = {nem.certificate}; });
  EXPECT_EQ(Ask(nem, RequestOf("henb-a.example")).status().code(), StatusCode::kPermissionDenied);
}

TEST_F(P10cr, R39AnOperatorCertificateThatIsNoNemsAsksForNobody) {
  const TestCredential other = scene.operator_ca.Issue({.subject = "/O=Operator 1/CN=NEM 2"});
  const auto path = Ask(other, RequestOf("henb-a.example"));
  EXPECT_EQ(path.status().code(), StatusCode::kPermissionDenied) << path.status();
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST_F(P10cr, R39AForgedProofOfPossessionFailsAtTheCa) {
  Pkcs10 forged = RequestOf("henb-a.example");
  // A NEM that puts a key of its own into the device's request, and can't sign for it with the device's.
  const std::shared_ptr<X509_REQ> request(X509_REQ_dup(forged.request.get()), X509_REQ_free);
  forged.public_key.reset(NewKey().release(), EVP_PKEY_free);
  X509_REQ_set_pubkey(request.get(), forged.public_key.get());
  forged.request = request;
  const auto path = Ask(nem, forged);
  EXPECT_EQ(path.status().code(), StatusCode::kPermissionDenied) << path.status();
  EXPECT_THAT(std::string(path.status().message()), StartsWith("cmp.refused: "));
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST_F(P10cr, ACertificateForAnotherKeyIsRejectedToTheCa) {
  Start("other-key");
  const auto path = Ask(nem, RequestOf("henb-a.example"));
  EXPECT_THAT(std::string(path.status().message()), StartsWith("cmp.other_key: "));
  EXPECT_EQ(scene.ledger().CountLive(), 0);
}

TEST_F(P10cr, ANemRevokesWhatItAskedForAndNothingElse) {
  const auto path = Ask(nem, RequestOf("henb-a.example"));
  ASSERT_TRUE(path.ok()) << path.status();
  const TestCredential other = scene.operator_ca.Issue({.subject = "/O=Operator 1/CN=NEM 2"});
  const auto others = PartsOf(other);
  EXPECT_FALSE(x2sec::enrol::CmpSession(others).Revoke(path->certificate).ok());
  EXPECT_EQ(scene.ledger().CountLive(), 1);
  const auto own = PartsOf(nem);
  const absl::Status revoked = x2sec::enrol::CmpSession(own).Revoke(path->certificate);
  EXPECT_TRUE(revoked.ok()) << revoked;
  EXPECT_EQ(scene.ledger().CountLive(), 0);
}

TEST_F(P10cr, WaitingIsPolledFor) {
  scene.ca().set_waiting_polls(2);
  const auto path = Ask(nem, RequestOf("henb-a.example"));
  EXPECT_TRUE(path.ok()) << path.status();
}

}  // namespace
}  // namespace henb::tests
