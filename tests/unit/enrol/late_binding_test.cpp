// A device that leaves the factory without an operator: the operator's root comes with the RA/CA's answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/file.h"
#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using x2sec::core::RootSource;

std::string MessageOf(const absl::StatusOr<x2sec::core::Enrolled>& result) {
  return std::string(result.status().message());
}

/// The scene, with a cross-certificate that the vendor gave the operator, in the RA/CA's extraCerts beside the root.
class LateBinding : public ::testing::Test {
 protected:
  common::Certificate Cross(CertificateSpec spec = {}) { return CrossBy(scene.vendor, std::move(spec)); }
  common::Certificate CrossBy(const TestAuthority& issuer, CertificateSpec spec = {}) {
    spec.subject = "/O=Operator 1/CN=Operator 1 Root";
    spec.ca = true;
    return issuer.IssueFor(spec, scene.operator_root.key());
  }
  void Start(const std::vector<common::Certificate>& extra, const std::string& sin = "") {
    scene.StartCa(sin, [&](TestCaConfig* config) {
      config->extra_certs = extra;
      config->confirm_timeout = absl::Milliseconds(300);
    });
  }
  x2sec::core::EnrolRequest Request() {
    auto request = scene.Request();
    request.operator_roots.clear();
    request.root_terms.vendor_roots = {scene.vendor.certificate()};
    request.root_terms.bound_subject = "/O=Operator 1/CN=Operator 1 Root";
    return request;
  }
  absl::StatusOr<x2sec::core::Enrolled> Enrol() { return scene.Enrol(Request()); }
  /// Nothing that the CA issued is left alive, and no certificate is with the device.
  void ExpectNothingLives() {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (scene.ledger().CountLive() > 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
    EXPECT_EQ(scene.ledger().CountLive(), 0);
    EXPECT_TRUE(scene.store().Keys()->empty());
  }
  void ExpectRefused(const std::string& event) {
    EXPECT_THAT(MessageOf(Enrol()), StartsWith(event + ": "));
    ExpectNothingLives();
  }
  common::Certificate root() { return scene.operator_root.certificate(); }

  EnrolScene scene;
};

TEST_F(LateBinding, R61EnrolsWithTheVendorRootAloneInAnyOrderOfExtraCerts) {
  std::vector<int> order = {0, 1, 2};
  const std::vector<common::Certificate> sent = {Cross(), root(), TestAuthority::Root("/CN=somebody's").certificate()};
  do {
    Start({sent[order[0]], sent[order[1]], sent[order[2]]});
    const auto enrolled = Enrol();
    ASSERT_TRUE(enrolled.ok()) << enrolled.status();
    EXPECT_EQ(enrolled->anchor.der(), root().der());
    EXPECT_EQ(enrolled->anchor_source, RootSource::kLateBinding);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(LateBinding, R61TheOperatorMayBeNamedByItsRootsKey) {
  Start({Cross(), root()});
  auto request = Request();
  request.root_terms.bound_subject.clear();
  request.root_terms.bound_spki = root().spki();
  EXPECT_TRUE(scene.Enrol(request).ok());
  request.root_terms.bound_spki = scene.vendor.certificate().spki();
  EXPECT_THAT(MessageOf(scene.Enrol(request)), StartsWith("cmp.unpinned_root: "));
}

TEST_F(LateBinding, R61AnOperatorThatThePolicyDoesNotNameIsRefusedThoughTheVendorVouchesForIt) {
  Start({Cross(), root()});
  auto request = Request();
  request.root_terms.bound_subject = "/O=Operator 2/CN=Operator 2 Root";
  EXPECT_THAT(MessageOf(scene.Enrol(request)),
              AllOf(StartsWith("cmp.unpinned_root: "), HasSubstr(root().spki().ToHex())));
  ExpectNothingLives();
}

TEST_F(LateBinding, R61APathOfSeveralCrossCertificatesIsFoundPastDeadEnds) {
  const TestAuthority other = TestAuthority::Root("/O=Vendor 9/CN=Vendor 9 Root");
  const TestAuthority broker = TestAuthority::Root("/CN=Broker");
  const CertificateSpec ca{.subject = "/CN=Broker", .ca = true};
  Start({CrossBy(other), CrossBy(broker), other.IssueFor(ca, broker.key()), scene.vendor.IssueFor(ca, broker.key()),
         root()});
  const auto enrolled = Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(enrolled->anchor.der(), root().der());
}

TEST_F(LateBinding, R61WithoutACrossCertificateThatHoldsTheRootIsNotTaken) {
  Start({root()});
  ExpectRefused("cmp.cross_certificate");
  Start({CrossBy(TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root")), root()});
  ExpectRefused("cmp.cross_certificate");
  Start({Cross({.not_after = absl::Now() - absl::Hours(1)}), root()});
  ExpectRefused("cmp.cross_certificate");
  Start({Cross({.digest = "SHA1"}), root()});
  ExpectRefused("cmp.cross_certificate");
  // For another key of the same name.
  const TestAuthority namesake = TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root");
  Start({scene.vendor.IssueFor({.subject = "/O=Operator 1/CN=Operator 1 Root", .ca = true}, namesake.key()), root()});
  ExpectRefused("cmp.cross_certificate");
  // The cross-certificate alone is no anchor that a neighbour's path could end at.
  Start({Cross()});
  ExpectRefused("cmp.unpinned_root");
}

TEST_F(LateBinding, R40PathLengthOfTheCrossCertificateHolds) {
  Start({Cross({.path_length = 1}), root()});
  EXPECT_TRUE(Enrol().ok()) << "root, one CA below it";
  Start({Cross({.path_length = 0}), root()});
  EXPECT_THAT(MessageOf(Enrol()), StartsWith("cmp.cross_certificate: the RA/CA's certificate: "));
}

TEST_F(LateBinding, R40NameConstraintsOfTheCrossCertificateHold) {
  Start({Cross({.name_constraints = "permitted;DNS:example"}), root()});
  EXPECT_TRUE(Enrol().ok());
  Start({Cross({.name_constraints = "permitted;DNS:operator-2.example"}), root()});
  EXPECT_THAT(MessageOf(Enrol()), StartsWith("cmp.cross_certificate: the certificate: "));
  EXPECT_EQ(scene.ledger().Entries().back().state, CertificateState::kRevoked) << "told in certConf";
}

TEST_F(LateBinding, R27ARootIsTakenFromExtraCertsOrCaPubsWithItsPinnedHashOnly) {
  auto request = Request();
  request.root_terms = {};
  request.root_terms.pinned = {root().spki()};
  for (const bool in_ca_pubs : {false, true}) {
    scene.StartCa("", [&](TestCaConfig* config) {
      std::vector<common::Certificate>& list = in_ca_pubs ? config->ca_pubs : config->extra_certs;
      list.push_back(root());
    });
    request.server_url = scene.url();
    const auto enrolled = scene.Enrol(request);
    ASSERT_TRUE(enrolled.ok()) << enrolled.status();
    EXPECT_EQ(enrolled->anchor_source, RootSource::kPinned);
    EXPECT_EQ(enrolled->anchor.der(), root().der());
  }
  request.root_terms.pinned = {scene.vendor.certificate().spki()};
  EXPECT_THAT(MessageOf(scene.Enrol(request)), StartsWith("cmp.unpinned_root: "));
  request.root_terms = {};
  EXPECT_EQ(scene.Enrol(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LateBinding, R27ADeviceWithARootIsNotTalkedIntoAnother) {
  Start({}, "unpinned-root");
  auto request = scene.Request();
  request.root_terms = Request().root_terms;
  EXPECT_THAT(MessageOf(scene.Enrol(request)), StartsWith("cmp.bad_protection: "));
  ExpectNothingLives();
}

TEST_F(LateBinding, R61APowerCutAfterPkiConfForgetsNeitherRootNorReason) {
  Start({Cross(), root()});
  const auto write = [&](const x2sec::enrol::EnrolmentState& state) {
    ASSERT_TRUE(x2sec::enrol::EnrolmentStateFile(scene.state_path()).Save(state).ok());
  };
  const auto first = Enrol();
  ASSERT_TRUE(first.ok()) << first.status();
  x2sec::enrol::EnrolmentState state;
  state.phase = x2sec::enrol::EnrolmentState::Phase::kConfirmed;
  state.identity = Request().identity;
  state.recipient = Request().recipient;
  state.ckaid = scene.store().GenerateKey().value();
  state.anchor_source = RootSource::kLateBinding;
  state.certificates = {first->certificate, scene.operator_ca.certificate(), root()};
  write(state);
  const auto read = x2sec::enrol::EnrolmentStateFile(scene.state_path()).Load();
  ASSERT_TRUE(read.ok() && read->has_value());
  EXPECT_EQ((*read)->anchor_source, RootSource::kLateBinding);
  EXPECT_EQ((*read)->certificates.back().der(), root().der());
}

TEST_F(LateBinding, R61AfterALostPkiConfTheRevocationIsVerifiedToTheRootThatWasTaken) {
  Start({Cross(), root()}, "no-pkiconf");
  EXPECT_THAT(MessageOf(Enrol()), StartsWith("cmp.no_pkiconf: "));
  scene.RepentCa();
  const auto enrolled = Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(scene.ledger().CountLive(), 1);
}

struct RootSin {
  std::string sin;
  std::string event;
};

TEST_F(LateBinding, R61EverySinAboutTheRootIsRefusedSoonAndLeavesNothingAlive) {
  for (const RootSin& sin :
       {RootSin{"unpinned-root", "cmp.unpinned_root"}, RootSin{"cross-certificate-loop", "cmp.cross_certificate"},
        RootSin{"chain-of-100", "cmp.malformed_answer"}, RootSin{"chain-of-10000", "cmp.malformed_answer"}}) {
    SCOPED_TRACE(sin.sin);
    std::vector<common::Certificate> sent;
    if (sin.sin.starts_with("chain")) sent = {Cross(), root()};
    Start(sent, sin.sin);
    const absl::Time before = absl::Now();
    ExpectRefused(sin.event);
    EXPECT_LT(absl::Now() - before, absl::Seconds(15));
  }
}

TEST_F(LateBinding, R61AmongLoopsTheGoodPathIsFound) {
  Start({Cross()}, "cross-certificate-loop");
  const auto enrolled = Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(enrolled->anchor.der(), root().der());
}

}  // namespace
}  // namespace henb::tests
