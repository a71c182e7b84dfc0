// The good paths against an RA/CA of other parents: what our client and our own test RA/CA agree on because both are
// libcrypto would show here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/enrol/cmp_enroller.h"
#include "henb-x2sec/enrol/cmp_session.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/pkcs10.h"
#include "tests/ca/bouncy/bouncy_ra.h"
#include "tests/support/fake_certificate_store.h"

namespace henb::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kRaName[] = "/O=Operator 1/CN=RA";

class BouncyCastle : public ::testing::Test {
 protected:
  struct World {
    TestAuthority vendor = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
    TestAuthority vendor_sub = vendor.Subordinate("/O=Vendor 1/CN=Devices");
    TestAuthority root = TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root");
    TestCredential nem = root.Issue({.subject = "/O=Operator 1/CN=NEM 1"});
  };
  void SetUp() override { ASSERT_NE(ra.url(), "") << "java did not start the RA/CA"; }

  x2sec::core::EnrolRequest Request(const TestCredential& device) {
    x2sec::core::EnrolRequest request;
    request.identity = device.certificate.Identity().value();
    request.server_url = ra.url();
    request.recipient = kRaName;
    request.vendor_chain = {device.certificate, world.vendor_sub.certificate(), world.vendor.certificate()};
    request.operator_roots = {world.root.certificate()};
    return request;
  }
  absl::StatusOr<x2sec::core::Enrolled> Enrol(const TestCredential& device, const x2sec::core::EnrolRequest& request) {
    x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(device.key.get()));
    x2sec::enrol::CmpEnroller enroller({store, vendor_key, clock, directory.File("enrolment.json")});
    auto enrolled = enroller.Enrol(request);
    const absl::Status kept = enrolled.ok() ? enroller.Kept() : absl::OkStatus();
    EXPECT_TRUE(kept.ok()) << kept;
    return enrolled;
  }
  absl::StatusOr<x2sec::enrol::CertifiedPath> AskThroughNem(const std::string& name) {
    const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
    const auto id = common::HenbId::Parse(name).value();
    const auto pkcs10 = x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, key).value()).value();
    const auto transport = x2sec::enrol::HttpTransport::Create(ra.url()).value();
    const auto recipient = x2sec::enrol::ParseDistinguishedName(kRaName).value();
    const x2sec::enrol::CmpSessionParts parts{*transport,
                                              clock,
                                              recipient.get(),
                                              {world.root.certificate()},
                                              {world.nem.certificate},
                                              world.nem.key,
                                              absl::Seconds(20),
                                              absl::Minutes(1),
                                              &random,
                                              [](absl::Duration) { return true; }};
    x2sec::enrol::CmpSession session(parts);
    auto path = session.RequestCertificate({.type = x2sec::enrol::BodyType::kP10cr,
                                            .key = pkcs10.public_key,
                                            .subject = pkcs10.subject(),
                                            .identity = pkcs10.identity,
                                            .keep = nullptr,
                                            .pkcs10 = pkcs10.request.get()});
    if (path.ok()) revoked = x2sec::enrol::CmpSession(parts).Revoke(path->certificate);
    return path;
  }

  World world;
  BouncyRa ra{{.ca = world.root,
               .ra_name = kRaName,
               .vendor_roots = {world.vendor.certificate()},
               .nems = {world.nem.certificate},
               .devices = {"henb-a.example"}}};
  FakeCertificateStore store;
  TempDirectory directory;
  common::SystemClock clock;
  common::SystemRandom random;
  absl::Status revoked;
};

TEST_F(BouncyCastle, R25R26IrIpCertConfPkiConfAndThenKur) {
  const TestCredential device = world.vendor_sub.IssueHenb("henb-a.example");
  const auto first = Enrol(device, Request(device));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->certificate.Identity().value().str(), "henb-a.example");
  EXPECT_THAT(ra.Ledger(), ElementsAre("CONFIRMED henb-a.example"));

  x2sec::core::EnrolRequest renewal = Request(device);
  renewal.current_chain = {first->certificate};
  const auto second = Enrol(device, renewal);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->ckaid, first->ckaid);
  EXPECT_THAT(ra.Ledger(), ElementsAre("CONFIRMED henb-a.example", "CONFIRMED henb-a.example"));
}

TEST_F(BouncyCastle, R26AnRsaDeviceEnrolsToo) {
  const TestCredential device = world.vendor_sub.IssueHenb("henb-b.example", KeyKind::kRsa2048);
  const auto enrolled = Enrol(device, Request(device));
  EXPECT_TRUE(enrolled.ok()) << enrolled.status();
}

TEST_F(BouncyCastle, R39P10crOfTheNemAndItsRr) {
  const auto path = AskThroughNem("henb-a.example");
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_TRUE(revoked.ok()) << revoked;
  EXPECT_THAT(ra.Ledger(), ElementsAre("REVOKED henb-a.example"));
}

TEST_F(BouncyCastle, R39ADeviceThatIsNotListedGetsNothing) {
  const auto path = AskThroughNem("henb-rogue.example");
  EXPECT_EQ(path.status().code(), absl::StatusCode::kPermissionDenied) << path.status();
  EXPECT_THAT(ra.Ledger(), IsEmpty());
}

TEST_F(BouncyCastle, ADeviceOfAnotherVendorIsRefusedInASignedError) {
  const TestCredential stranger = TestAuthority::Root("/O=Vendor 2/CN=Root").IssueHenb("henb-a.example");
  x2sec::core::EnrolRequest request = Request(stranger);
  request.vendor_chain = {stranger.certificate};
  const auto refused = Enrol(stranger, request);
  EXPECT_THAT(std::string(refused.status().message()), StartsWith("cmp.refused: "));
  EXPECT_THAT(ra.Ledger(), IsEmpty());
}

}  // namespace
}  // namespace henb::tests
