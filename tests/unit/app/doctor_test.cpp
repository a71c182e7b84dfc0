#include "henb-x2sec/app/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device_files.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

core::SaInfo Sa(std::string_view from, std::string_view to, int reqid) {
  core::SaInfo sa;
  sa.source = *common::IpAddress::Parse(from);
  sa.destination = *common::IpAddress::Parse(to);
  sa.reqid = reqid;
  return sa;
}

class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() {
    device.config.backhaul_reqid = 100;
    credentials = *Credentials::Load(device.config, store);
    EXPECT_TRUE(credentials.ImportInto(store).ok());
    kernel.belt_whole = true;
    kernel.sas = {Sa("10.0.0.1", "10.0.0.2", 100), Sa("10.0.0.2", "10.0.0.1", 100)};
  }
  DoctorInputs Well() {
    return {.config = device.config,
            .credentials = credentials,
            .now = absl::FromUnixSeconds(2'000'000'000),
            .clock_floor = absl::FromUnixSeconds(1'900'000'000),
            .pluto_version = "Libreswan 4.10",
            .kernel = kernel,
            .guard_in_place = true,
            .policy_problem = std::nullopt,
            .keydist_problem = std::nullopt,
            .secrets_include_hint = "/etc/ipsec.secrets",
            .secrets_place = absl::OkStatus()};
  }
  /// The one finding that is not well.
  static control::DoctorFinding Only(const DoctorInputs& inputs) {
    control::DoctorFinding bad;
    int count = 0;
    for (const control::DoctorFinding& finding : Diagnose(inputs)) {
      if (finding.ok) continue;
      bad = finding;
      ++count;
    }
    EXPECT_EQ(count, 1);
    EXPECT_THAT(bad.remedy, Not(IsEmpty()));
    return bad;
  }
  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  Credentials credentials;
  core::KernelSnapshot kernel;
};

TEST_F(DoctorTest, AWellBoxHasNoFindings) {
  const auto findings = Diagnose(Well());
  EXPECT_GE(findings.size(), 13U);
  for (const auto& finding : findings) EXPECT_TRUE(finding.ok && finding.remedy.empty()) << finding.check;
}

TEST_F(DoctorTest, PlutoThatIsDownOrTooNew) {
  DoctorInputs in = Well();
  in.pluto_version = absl::UnavailableError("Pluto is not running");
  EXPECT_EQ(Only(in).check, "pluto.running");
  in.pluto_version = absl::FailedPreconditionError("libreswan 5.1 is not supported");
  EXPECT_EQ(Only(in).check, "pluto.version");
}

TEST_F(DoctorTest, GuardAndBelt) {
  DoctorInputs flushed = Well();
  flushed.guard_in_place = false;
  EXPECT_EQ(Only(flushed).check, "guard.table");
  DoctorInputs beltless = Well();
  beltless.kernel->belt_whole = false;
  EXPECT_EQ(Only(beltless).check, "guard.belt");
}

TEST_F(DoctorTest, BackhaulWithoutItsReqidOrOneWayOnly) {
  DoctorInputs in = Well();
  in.kernel->sas = {Sa("10.0.0.1", "10.0.0.2", 16388), Sa("10.0.0.2", "10.0.0.1", 16388)};
  const auto findings = Diagnose(in);
  const auto it =
      std::find_if(findings.begin(), findings.end(), [](const auto& f) { return f.check == "backhaul.reqid"; });
  ASSERT_NE(it, findings.end());
  EXPECT_FALSE(it->ok);
  EXPECT_THAT(it->detail, HasSubstr("16388"));
  EXPECT_THAT(it->remedy, HasSubstr("reqid=100"));
  in.kernel->sas = {Sa("10.0.0.1", "10.0.0.2", 100)};
  EXPECT_EQ(Only(in).check, "backhaul.up");
}

TEST_F(DoctorTest, R65WhichCertificateTheBackhaulUses) {
  DoctorInputs in = Well();
  in.backhaul_move = BackhaulMoveView{.reqid = 7, .problem = "there is no operator certificate yet", .expected = false};
  for (const auto& finding : Diagnose(in)) EXPECT_TRUE(finding.ok) << finding.check << ": before enrolment";
  in.backhaul_move = BackhaulMoveView{.reqid = 7, .problem = "AUTHENTICATION_FAILED", .expected = true};
  EXPECT_EQ(Only(in).check, "backhaul.certificate");
  EXPECT_THAT(Only(in).detail, HasSubstr("AUTHENTICATION_FAILED"));
  in.backhaul_move->problem.clear();
  EXPECT_THAT(Diagnose(in), testing::Contains(testing::Field(&control::DoctorFinding::check, "backhaul.reqid")));
  in.kernel->sas = {Sa("10.0.0.1", "10.0.0.2", 7), Sa("10.0.0.2", "10.0.0.1", 7)};
  for (const auto& finding : Diagnose(in)) EXPECT_TRUE(finding.ok) << finding.check << ": moved";
}

TEST_F(DoctorTest, ClockPolicyKeydistAndSecrets) {
  DoctorInputs early = Well();
  early.clock_floor = early.now + absl::Hours(1);
  EXPECT_EQ(Only(early).check, "clock.floor");
  DoctorInputs lawless = Well();
  lawless.policy_problem = "no policy";
  EXPECT_EQ(Only(lawless).check, "policy.in_force");
  DoctorInputs keyless = Well();
  keyless.keydist_problem = "no route";
  EXPECT_EQ(Only(keyless).check, "keydist.reachable");
  DoctorInputs on_flash = Well();
  on_flash.secrets_place = absl::FailedPreconditionError("/var/x: not on tmpfs");
  EXPECT_EQ(Only(on_flash).check, "secrets.memory");
}

TEST_F(DoctorTest, CertificatesThatAreOutOfDate) {
  DoctorInputs in = Well();
  in.now = absl::FromUnixSeconds(2'600'000'000);
  EXPECT_EQ(Only(in).check, "credentials.vendor");
  EXPECT_THAT(Only(in).detail, HasSubstr("has expired"));
  const tests::TestCredential issued = device.operator_root.Issue(
      {.subject = "/CN=a", .dns_names = {"henb-a.example"}, .not_after = absl::FromUnixSeconds(2'000'100'000)});
  credentials.Adopt(Credential{.certificate = issued.certificate,
                               .intermediates = {},
                               .anchor = device.operator_root.certificate(),
                               .ckaid = "00",
                               .rsa = false});
  EXPECT_EQ(Only(Well()).check, "credentials.operator");
  EXPECT_THAT(Only(Well()).detail, HasSubstr("27 h are left; its renewal is overdue"));
  DoctorInputs late = Well();
  late.now = absl::FromUnixSeconds(2'000'100'000) - absl::Seconds(90);
  EXPECT_THAT(Only(late).detail, HasSubstr("90 s are left"));
}

TEST_F(DoctorTest, AVendorKeyThatIsNotInTheStore) {
  credentials = *Credentials::Load(device.config, store);
  EXPECT_EQ(Only(Well()).check, "credentials.key_store");
}

TEST_F(DoctorTest, OneSubjectForVendorAndOperatorCertificate) {
  const std::string same = "/O=Vendor 1/CN=henb-a.example";
  for (const std::string& subject : {same, std::string("/CN=henb-a.example")}) {
    const tests::TestCredential issued =
        device.operator_root.Issue({.subject = subject, .dns_names = {"henb-a.example"}});
    credentials = *Credentials::Load(device.config, store);
    ASSERT_TRUE(credentials.ImportInto(store).ok());
    credentials.Adopt(Credential{.certificate = issued.certificate,
                                 .intermediates = {},
                                 .anchor = device.operator_root.certificate(),
                                 .ckaid = "00",
                                 .rsa = false});
    if (subject == same) {
      EXPECT_EQ(Only(Well()).check, "credentials.subjects");
      EXPECT_THAT(Only(Well()).detail, HasSubstr("pluto may show the wrong one"));
    } else {
      for (const auto& finding : Diagnose(Well())) EXPECT_TRUE(finding.ok) << finding.check;
    }
  }
}

TEST_F(DoctorTest, R33SaysWhatATokenLacks) {
  device.config.token = TokenConfig{.label = "TRE", .module = "/usr/lib/tre.so"};
  DoctorInputs in = Well();
  in.token = TokenView{.usable = {}, .registered = {}, .in_pluto = true, .pin_for_pluto = {}};
  for (const auto& finding : Diagnose(in)) EXPECT_TRUE(finding.ok) << finding.check;
  in.token->usable = absl::FailedPreconditionError("token \"TRE\" is not there");
  EXPECT_EQ(Only(in).check, "token.usable");
  in.token->usable = {};
  in.token->registered = absl::NotFoundError("not listed");
  EXPECT_EQ(Only(in).check, "token.in_pluto");
  EXPECT_THAT(Only(in).remedy, HasSubstr("modutil"));
  in.token->registered = {};
  in.token->in_pluto = false;
  EXPECT_THAT(Only(in).remedy, HasSubstr("restart pluto"));
  in.token->in_pluto = true;
  in.token->pin_for_pluto = absl::NotFoundError("/etc/ipsec.d/nsspassword");
  EXPECT_EQ(Only(in).check, "token.pin_for_pluto");
  EXPECT_THAT(Only(in).remedy, HasSubstr("TRE:PIN"));
}

TEST(PolicyProblem, NoneWithinItsDatesOnly) {
  EXPECT_TRUE(PolicyProblem(nullptr, absl::FromUnixSeconds(0)).has_value());
  policy::Policy policy;
  policy.not_before = absl::FromUnixSeconds(100);
  policy.not_after = absl::FromUnixSeconds(200);
  EXPECT_TRUE(PolicyProblem(&policy, absl::FromUnixSeconds(99)).has_value());
  EXPECT_FALSE(PolicyProblem(&policy, absl::FromUnixSeconds(100)).has_value());
  EXPECT_FALSE(PolicyProblem(&policy, absl::FromUnixSeconds(199)).has_value());
  EXPECT_TRUE(PolicyProblem(&policy, absl::FromUnixSeconds(200)).has_value());
}

}  // namespace
}  // namespace henb::x2sec::app
