// The device's side: enrolment and renewal through a nem-gateway, and through one that misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "henb-x2sec/enrol/cmp_enroller.h"
#include "tests/ca/sinful_nem.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/unit/nem/nem_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using x2sec::core::EnrolRequest;
using x2sec::nem::RequestState;

/// A device with its key store, in the scene of the NEM.
class NemEnrolment : public ::testing::Test {
 protected:
  [[nodiscard]] EnrolRequest Through(const std::string& url) const {
    EnrolRequest request;
    request.identity = common::HenbId::Parse("henb-a.example").value();
    request.vendor_chain = {device.certificate, scene.vendor.certificate()};
    request.operator_roots = {scene.operator_root.certificate()};
    request.nem = {url, std::nullopt, {scene.operator_root.certificate()}};
    request.message_timeout = absl::Seconds(5);
    request.total_timeout = absl::Seconds(30);
    return request;
  }
  /// As a daemon started anew would: nothing is remembered but store and state file.
  absl::StatusOr<x2sec::core::Enrolled> Enrol(const EnrolRequest& request) {
    x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(device.key.get()));
    x2sec::enrol::CmpEnroller enroller(
        {store, vendor_key, clock, scene.File("enrolment.json"), [this](absl::Duration) { return Waited(); }});
    auto enrolled = enroller.Enrol(request);
    const absl::Status kept = enrolled.ok() ? enroller.Kept() : absl::OkStatus();
    EXPECT_TRUE(kept.ok()) << kept;
    return enrolled;
  }
  bool Waited() {
    absl::SleepFor(absl::Milliseconds(20));
    return ++waits < most_waits;
  }
  [[nodiscard]] RequestState StateAtNem(std::size_t number) const { return scene.Requests().at(number).state; }

  NemScene scene;
  TestCredential device = scene.vendor.IssueHenb("henb-a.example");
  TestCredential sinful_server = scene.operator_root.Issue({.subject = "/CN=nem", .dns_names = {"localhost"}});
  FakeCertificateStore store;
  common::SystemClock clock;
  int waits = 0;
  int most_waits = 1000;
};

TEST_F(NemEnrolment, R39KeyOnTheDeviceRequestThroughTheNemCertificateChecked) {
  scene.StartNem();
  const auto enrolled = Enrol(Through(scene.nem_url()));
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(enrolled->certificate.Identity().value().str(), "henb-a.example");
  EXPECT_TRUE(enrolled->private_key_pkcs8.empty()) << "it never left its store";
  EXPECT_THAT(enrolled->intermediates, SizeIs(1));
  EXPECT_EQ(enrolled->anchor.der(), scene.operator_root.certificate().der());
  EXPECT_TRUE(store.HasCertificate(enrolled->certificate).value());
  EXPECT_EQ(StateAtNem(0), RequestState::kTaken);
  EXPECT_EQ(scene.ledger().CountLive(), 1);
}

TEST_F(NemEnrolment, TheNemIsFoundByItsAddressAndKnownByItsName) {
  scene.StartNem();
  const std::string port = scene.nem_url().substr(scene.nem_url().rfind(':'));
  EnrolRequest request = Through("https://nem.nowhere.invalid" + port);
  request.nem->address = common::IpAddress::Parse("127.0.0.1").value();
  EXPECT_THAT(std::string(Enrol(request).status().message()), StartsWith("nem.untrusted_server: "));
  request.nem->url = "https://localhost" + port;
  EXPECT_TRUE(Enrol(request).ok());
}

TEST_F(NemEnrolment, R67RenewalBringsANewKeyThroughTheNem) {
  scene.config.revoke_old_after = absl::ZeroDuration();
  scene.StartNem();
  const auto first = Enrol(Through(scene.nem_url()));
  ASSERT_TRUE(first.ok()) << first.status();
  EnrolRequest renewal = Through(scene.nem_url());
  renewal.current_chain = {first->certificate, first->intermediates.at(0)};
  const auto second = Enrol(renewal);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->ckaid, first->ckaid);
  EXPECT_NE(second->certificate.serial_hex(), first->certificate.serial_hex());
  EXPECT_TRUE(NemScene::Eventually([&] { return scene.ledger().CountLive() == 1; })) << "the old one is let go";
  EXPECT_EQ(scene.ledger().Find(second->certificate.serial_hex())->state, CertificateState::kConfirmed);
}

TEST_F(NemEnrolment, R34AnEndWhileWaitingGoesOnWithTheSameKeyAndRequest) {
  scene.StartNem();
  scene.StopCa();
  most_waits = 3;
  const auto cut = Enrol(Through(scene.nem_url()));
  EXPECT_EQ(cut.status().code(), StatusCode::kCancelled) << cut.status();
  scene.config.listen_port = scene.nem_port();
  scene.StopNem();
  scene.StartCa();
  scene.StartNem();
  most_waits = 1000;
  const auto enrolled = Enrol(Through(scene.nem_url()));
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_THAT(scene.Requests(), SizeIs(1)) << "one request for both attempts";
  EXPECT_EQ(scene.ledger().CountLive(), 1);
}

TEST_F(NemEnrolment, StillWaitingIsAnErrorThatTheNextAttemptMends) {
  scene.config.ra_url = "http://127.0.0.1:1/";
  scene.StartNem();
  EnrolRequest request = Through(scene.nem_url());
  request.total_timeout = absl::Seconds(3);
  const auto waiting = Enrol(request);
  EXPECT_EQ(waiting.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(waiting.status().message()), StartsWith("nem.still_waiting: "));
  EXPECT_TRUE(common::ReadFile(scene.File("enrolment.json")).ok());
}

TEST_F(NemEnrolment, R39ARefusalOfTheRaComesThroughWithItsReason) {
  scene.ca_devices = {"henb-b.example"};
  scene.StartCa();
  scene.StartNem();
  const auto refused = Enrol(Through(scene.nem_url()));
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.status().message()), StartsWith("nem.refused: "));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("not on the list"));
}

TEST_F(NemEnrolment, AnotherRootOfTheDevicesMakesItRejectAndTheNemRevoke) {
  scene.StartNem();
  EnrolRequest request = Through(scene.nem_url());
  request.operator_roots = {TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root").certificate()};
  const auto rejected = Enrol(request);
  EXPECT_THAT(std::string(rejected.status().message()), StartsWith("cmp.untrusted_path: "));
  EXPECT_THAT(store.Keys().value(), IsEmpty());
  EXPECT_TRUE(NemScene::Eventually([&] { return scene.ledger().CountLive() == 0; }));
  EXPECT_EQ(StateAtNem(0), RequestState::kRejected);
}

struct SinCase {
  std::string sin;
  std::string event;
  StatusCode code;
  bool told;  ///< The NEM hears that its certificate does not hold.
};

class NemSins : public NemEnrolment, public ::testing::WithParamInterface<SinCase> {};

TEST_P(NemSins, IsRefusedUnderItsNameAndLeavesNothing) {
  const SinCase& sin = GetParam();
  SinfulNem nem(sin.sin, sinful_server, scene.operator_root, scene.vendor);
  EnrolRequest request = Through("https://localhost:" + std::to_string(nem.port()));
  request.message_timeout = absl::Seconds(2);
  request.total_timeout = absl::Seconds(4);
  const auto enrolled = Enrol(request);
  ASSERT_FALSE(enrolled.ok());
  EXPECT_THAT(std::string(enrolled.status().message()), StartsWith(sin.event + ": "));
  EXPECT_EQ(enrolled.status().code(), sin.code) << enrolled.status();
  EXPECT_THAT(store.Keys().value(), IsEmpty()) << "nothing is installed";
  EXPECT_EQ(nem.uploads(), 1);
  ASSERT_THAT(nem.results(), SizeIs(sin.told ? 1 : 0));
  if (sin.told) {
    EXPECT_THAT(nem.results().at(0), HasSubstr(sin.event));
  }
  EXPECT_THAT(common::ReadFile(scene.File("enrolment.json")).value(), HasSubstr("REQUESTED")) << "the next goes on";
}

constexpr auto kRefusedHere = StatusCode::kFailedPrecondition;
constexpr auto kAway = StatusCode::kUnavailable;

INSTANTIATE_TEST_SUITE_P(
    Sins, NemSins,
    ::testing::Values(SinCase{"other-ca", "cmp.untrusted_path", kRefusedHere, true},
                      SinCase{"other-device", "cmp.other_identity", kRefusedHere, true},
                      SinCase{"other-key", "cmp.other_key", kRefusedHere, true},
                      SinCase{"expired", "cmp.not_valid_now", kRefusedHere, true},
                      SinCase{"http-500", "nem.http_error", kAway, false},
                      SinCase{"endless-waiting", "nem.still_waiting", StatusCode::kDeadlineExceeded, false},
                      SinCase{"huge", "nem.too_large", kRefusedHere, false},
                      SinCase{"one-byte-a-second", "nem.timeout", StatusCode::kDeadlineExceeded, false},
                      SinCase{"close-in-the-middle", "nem.unreachable", kAway, false},
                      SinCase{"wrong-content-type", "nem.malformed_answer", kRefusedHere, false},
                      SinCase{"garbage", "nem.malformed_answer", kRefusedHere, false},
                      SinCase{"no-certificate", "nem.malformed_answer", kRefusedHere, false}),
    [](const auto& sin) {
      std::string name = sin.param.sin;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST_F(NemEnrolment, EverySinHasATestAndVirtueEnrols) {
  EXPECT_THAT(SinfulNem::SinNames(), SizeIs(12));
  SinfulNem nem("", sinful_server, scene.operator_root, scene.vendor);
  EXPECT_TRUE(Enrol(Through("https://localhost:" + std::to_string(nem.port()))).ok());
  EXPECT_EQ(nem.results().at(0), R"({"taken":true})");
}

TEST_F(NemEnrolment, TlsToTheWrongNameOrRootUploadsNothing) {
  const TestCredential wrong_name =
      scene.operator_ca.Issue({.subject = "/O=Operator 1/CN=nem", .dns_names = {"other.example"}});
  SinfulNem named("", wrong_name, scene.operator_root, scene.vendor);
  const auto name = Enrol(Through("https://localhost:" + std::to_string(named.port())));
  EXPECT_THAT(std::string(name.status().message()), StartsWith("nem.untrusted_server: "));
  EXPECT_EQ(named.uploads(), 0);
  const TestAuthority other = TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root");
  SinfulNem rooted("", other.Issue({.subject = "/CN=nem", .dns_names = {"localhost"}}), scene.operator_root,
                   scene.vendor);
  const auto root = Enrol(Through("https://localhost:" + std::to_string(rooted.port())));
  EXPECT_THAT(std::string(root.status().message()), StartsWith("nem.untrusted_server: "));
  EXPECT_EQ(rooted.uploads(), 0);
  EXPECT_THAT(store.Keys().value(), IsEmpty());
}

}  // namespace
}  // namespace henb::tests
