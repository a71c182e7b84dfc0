#include "henb-x2sec/pluto/whack_daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "fixture.h"
#include "spec.h"

namespace henb::x2sec::pluto {
namespace {

using core::InitiateOutcome;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kOtherProgram = "Linux strongSwan U5.9.8/K6.1\n";

/// Answers `--version` by itself and everything else from a list.
class ScriptedRunner final : public common::ProcessRunner {
 public:
  absl::StatusOr<common::ProcessResult> Run(const common::ProcessRequest& request) override {
    if (request.argv.back() == "--version") return common::ProcessResult{0, version, ""};
    requests.push_back(request);
    if (answers.empty()) return absl::InternalError("no answer left");
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void Say(std::string output, int status = 0) {
    answers.push_back(common::ProcessResult{status, std::move(output), ""});
  }
  void Complain(std::string error) { answers.push_back(common::ProcessResult{33, "", std::move(error)}); }

  std::string version = "Libreswan 4.10\n";
  std::deque<absl::StatusOr<common::ProcessResult>> answers;
  std::vector<common::ProcessRequest> requests;
};

WhackDaemonOptions Options() {
  WhackDaemonOptions options;
  options.control_socket = "/run/pluto/x.ctl";
  options.secrets_path = "/run/henb-x2sec/x2.secrets";
  return options;
}

class WhackDaemonTest : public testing::Test {
 protected:
  const std::string added_ = "002 \"x2-henb-b.example-0\": added IKEv2 connection\n";
  ScriptedRunner runner_;
  WhackDaemon daemon_{Options(), runner_};
};

TEST_F(WhackDaemonTest, RunsWhackWithItsSocketAndADeadline) {
  runner_.Say(Fixture("showstates_up_initiator"));
  ASSERT_TRUE(daemon_.States().ok());
  EXPECT_THAT(runner_.requests.at(0).argv,
              ElementsAre("/usr/libexec/ipsec/whack", "--ctlsocket", "/run/pluto/x.ctl", "--showstates"));
  EXPECT_EQ(runner_.requests.at(0).deadline, absl::Seconds(10));
}

TEST_F(WhackDaemonTest, RefusesAnotherProductBeforeItDoesAnything) {  // R23
  runner_.version = kOtherProgram;
  EXPECT_TRUE(absl::IsFailedPrecondition(daemon_.Add(PskSpec())));
  EXPECT_TRUE(absl::IsFailedPrecondition(daemon_.Initiate("x2-a-0", absl::Seconds(1)).status()));
  EXPECT_TRUE(runner_.requests.empty());
}

TEST_F(WhackDaemonTest, TellsTheReleaseThatRuns) {  // R23
  runner_.Say(Fixture("status_up"));
  const auto release = daemon_.CheckVersion();
  ASSERT_TRUE(release.ok()) << release.status();
  EXPECT_EQ(*release, "4.10");
}

TEST_F(WhackDaemonTest, RefusesARunningPlutoOfAnotherRelease) {  // R23
  std::string status = Fixture("status_up");
  status.replace(status.find("pluto_version=4.10"), 18, "pluto_version=5.0");
  runner_.Say(status);
  EXPECT_TRUE(absl::IsFailedPrecondition(daemon_.CheckVersion().status()));
}

TEST_F(WhackDaemonTest, TellsAMissingPlutoFromAWrongCommandLine) {
  for (const char* gone :
       {"whack: Pluto is not running (no \"/run/pluto/pluto.ctl\")\n",
        "whack: is Pluto running?  connect() for \"/run/pluto/pluto.ctl\" failed (111 Connection refused)\n"}) {
    runner_.Complain(gone);
    EXPECT_TRUE(absl::IsUnavailable(daemon_.Snapshot().status())) << gone;
  }
  runner_.Complain("/usr/libexec/ipsec/whack: unrecognized option '--nope'\n");
  EXPECT_TRUE(absl::IsInternal(daemon_.Snapshot().status()));
}

TEST_F(WhackDaemonTest, AddsOnce) {
  runner_.Say(added_);
  EXPECT_TRUE(daemon_.Add(PskSpec()).ok());
  EXPECT_EQ(runner_.requests.size(), 1U);
}

TEST_F(WhackDaemonTest, ReplacesAConnectionOfThatName) {
  runner_.Say("020 attempt to redefine connection \"x2-henb-b.example-0\"\n", 20);
  runner_.Say(Fixture("delete"));
  runner_.Say(added_);
  EXPECT_TRUE(daemon_.Add(PskSpec()).ok());
  ASSERT_EQ(runner_.requests.size(), 3U);
  EXPECT_EQ(runner_.requests[1].argv.back(), "x2-henb-b.example-0");
}

TEST_F(WhackDaemonTest, TakesBackAConnectionWhoseAnchorPlutoIgnored) {  // R14
  core::ConnectionSpec spec = CertificateSpec();
  spec.name = "x2-ca-1";
  runner_.Say(Fixture("add_bad_anchor"));
  runner_.Say("");
  const absl::Status status = daemon_.Add(spec);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad right CA string"));
  ASSERT_EQ(runner_.requests.size(), 2U);
  EXPECT_EQ(runner_.requests[1].argv.at(3), "--delete");
}

TEST_F(WhackDaemonTest, ASilentAddIsAFailure) {
  runner_.Say("");
  runner_.Say("");
  EXPECT_TRUE(absl::IsFailedPrecondition(daemon_.Add(PskSpec())));
}

TEST_F(WhackDaemonTest, ADeadlineOfACommandIsAnError) {
  common::ProcessResult late;
  late.timed_out = true;
  late.output = Fixture("showstates_up_initiator");
  runner_.answers.push_back(late);
  EXPECT_TRUE(absl::IsDeadlineExceeded(daemon_.States().status()));
}

TEST_F(WhackDaemonTest, ReportsWhatWasSaidUntilTheDeadlineOfInitiate) {
  common::ProcessResult late;
  late.timed_out = true;
  late.exit_status = 137;
  late.output = Fixture("initiate_no_ike_proposal");
  runner_.answers.push_back(late);
  const auto report = daemon_.Initiate("x2-t-0", absl::Seconds(3));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->outcome, InitiateOutcome::kNoProposalChosen);
  EXPECT_EQ(runner_.requests.at(0).deadline, absl::Seconds(3));
  EXPECT_TRUE(runner_.requests.at(0).keep_output_at_deadline);
}

TEST_F(WhackDaemonTest, TellsTheChildThatInitiateMade) {
  runner_.Say(Fixture("initiate_second_child"));
  const auto report = daemon_.Initiate("x2-t-0", absl::Seconds(3));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->outcome, InitiateOutcome::kEstablished);
  EXPECT_EQ(report->child.connection, "x2-t-0");
  EXPECT_EQ(report->child.serial, 4U);
  EXPECT_EQ(report->child.ike_serial, 3U);
  EXPECT_EQ(report->child.spi_out, 0x0f0078b0U);
  EXPECT_EQ(report->child.spi_in, 0x25602267U);
}

TEST_F(WhackDaemonTest, InitiatingAnUnknownConnectionIsNotFound) {
  runner_.Say(Fixture("initiate_unknown"), 21);
  EXPECT_TRUE(absl::IsNotFound(daemon_.Initiate("x2-nope-0", absl::Seconds(3)).status()));
}

TEST_F(WhackDaemonTest, ReauthenticatesAndTellsAnUnknownState) {
  runner_.Say(Fixture("reauthenticate"));
  EXPECT_TRUE(daemon_.Reauthenticate(1).ok());
  runner_.Say(Fixture("reauthenticate_unknown"));
  EXPECT_TRUE(absl::IsNotFound(daemon_.Reauthenticate(9999)));
  runner_.Say("");
  EXPECT_TRUE(absl::IsInternal(daemon_.Reauthenticate(1)));
}

TEST_F(WhackDaemonTest, AStateThatIsGoneCountsAsDeleted) {
  runner_.Say(Fixture("deletestate"));
  EXPECT_TRUE(daemon_.DeleteState(1).ok());
  runner_.Say(Fixture("deletestate_unknown"), 21);
  EXPECT_TRUE(daemon_.DeleteState(777).ok());
  common::ProcessResult late;  // a peer that does not answer
  late.timed_out = true;
  runner_.answers.push_back(late);
  EXPECT_TRUE(daemon_.DeleteState(1).ok());
  runner_.Complain("whack: Pluto is not running (no \"/run/pluto/pluto.ctl\")\n");
  EXPECT_TRUE(absl::IsUnavailable(daemon_.DeleteState(1)));
}

TEST_F(WhackDaemonTest, SaysThatPlutoDoesNotIncludeTheSecrets) {
  runner_.Say(Fixture("rereadsecrets"));
  EXPECT_TRUE(daemon_.RereadSecrets().ok());
  runner_.Say("002 forgetting secrets\n002 loading secrets from \"/etc/ipsec.secrets\"\n");
  const absl::Status status = daemon_.RereadSecrets();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("include /run/henb-x2sec/x2.secrets"));
}

TEST_F(WhackDaemonTest, RereadsCertificatesAndTrustsNewRoots) {
  runner_.Say(Fixture("rereadcerts"));
  EXPECT_TRUE(daemon_.RereadCertificates().ok());
  runner_.Say(Fixture("free_root_certificates"));
  EXPECT_TRUE(daemon_.TrustNewRoots().ok());
  runner_.Say("");
  EXPECT_TRUE(absl::IsInternal(daemon_.TrustNewRoots()));
}

TEST_F(WhackDaemonTest, ForgetsOcspAnswersAndTellsHowPlutoAsks) {
  runner_.Say("");
  EXPECT_TRUE(daemon_.ForgetOcspAnswers().ok());
  runner_.Say(Fixture("status_ocsp"));
  const auto settings = daemon_.Ocsp();
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(*settings, (core::OcspSettings{.enabled = true,
                                           .strict = true,
                                           .uri = "http://127.0.0.1:8888/",
                                           .trusted_name = "x2sec-ocspd",
                                           .answers_kept_s = 1}));
  runner_.Say(Fixture("status_empty"));
  EXPECT_EQ(daemon_.Ocsp().value(), core::OcspSettings{.answers_kept_s = 86400});
  runner_.Say("000 using kernel interface: xfrm\n");
  EXPECT_TRUE(absl::IsInternal(daemon_.Ocsp().status()));
}

TEST_F(WhackDaemonTest, NeverTouchesOtherPeoplesConnections) {
  EXPECT_TRUE(absl::IsInvalidArgument(daemon_.Delete("backhaul")));
  EXPECT_TRUE(absl::IsInvalidArgument(daemon_.Initiate("backhaul", absl::Seconds(1)).status()));
  core::ConnectionSpec spec = PskSpec();
  spec.name = "backhaul";
  EXPECT_TRUE(absl::IsInvalidArgument(daemon_.Add(spec)));
  EXPECT_TRUE(runner_.requests.empty());
}

}  // namespace
}  // namespace henb::x2sec::pluto
