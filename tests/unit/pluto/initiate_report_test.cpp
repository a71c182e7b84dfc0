#include "henb-x2sec/pluto/initiate_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace henb::x2sec::pluto {
namespace {

using core::InitiateOutcome;
using testing::HasSubstr;

struct Case {
  const char* fixture;
  InitiateOutcome outcome;
  const char* detail;
  bool timed_out = false;
};

class InitiateReportTest : public testing::TestWithParam<Case> {};

TEST_P(InitiateReportTest, TellsTheOutcome) {
  const auto report = ReadInitiateReport(ReplyOf(GetParam().fixture, GetParam().timed_out));
  EXPECT_EQ(report.outcome, GetParam().outcome) << report.detail;
  EXPECT_THAT(report.detail, HasSubstr(GetParam().detail));
}

constexpr Case kCases[] = {
    {"initiate_psk", InitiateOutcome::kEstablished, "initiator established Child SA using #1"},
    {"initiate_certificates", InitiateOutcome::kEstablished, "initiator established Child SA using #1"},
    {"initiate_second_child", InitiateOutcome::kEstablished, "initiator established Child SA using #3"},
    {"initiate_wrong_psk", InitiateOutcome::kAuthenticationFailed, "AUTHENTICATION_FAILED"},
    {"initiate_wrong_identity", InitiateOutcome::kAuthenticationFailed, "AUTHENTICATION_FAILED"},
    {"initiate_method_mismatch", InitiateOutcome::kAuthenticationFailed, "AUTHENTICATION_FAILED"},         // R9
    {"initiate_anchor_refused_by_peer", InitiateOutcome::kAuthenticationFailed, "AUTHENTICATION_FAILED"},  // R14
    {"initiate_untrusted_by_peer", InitiateOutcome::kAuthenticationFailed, "AUTHENTICATION_FAILED"},
    {"initiate_wrong_anchor", InitiateOutcome::kCertificateRejected, "no certificate matched"},                // R14
    {"initiate_wrong_san", InitiateOutcome::kCertificateRejected, "subjectAltName extension does not match"},  // R14
    {"initiate_other_key_kind", InitiateOutcome::kOtherKeyKind, "requires policy RSASIG"},                     // R18
    {"initiate_revoked", InitiateOutcome::kRevoked, "SEC_ERROR_REVOKED_CERTIFICATE"},                          // R41
    {"initiate_ocsp_away", InitiateOutcome::kRevocationUnavailable, "SEC_ERROR_OCSP_SERVER_ERROR"},            // R41
    {"initiate_no_ike_proposal", InitiateOutcome::kNoProposalChosen, "NO_PROPOSAL_CHOSEN", true},              // R13
    {"initiate_no_connection_at_peer", InitiateOutcome::kNoProposalChosen, "NO_PROPOSAL_CHOSEN", true},
    {"initiate_no_esp_proposal", InitiateOutcome::kChildRefused, "NO_PROPOSAL_CHOSEN"},
    {"initiate_child_refused_later", InitiateOutcome::kChildRefused, "NO_PROPOSAL_CHOSEN"},
    {"initiate_transport_refused", InitiateOutcome::kChildRefused, "NO_PROPOSAL_CHOSEN"},
    {"initiate_ts_unacceptable", InitiateOutcome::kChildRefused, "TS_UNACCEPTABLE"},
    {"initiate_silent", InitiateOutcome::kNoAnswer, "second timeout exceeded"},
    {"initiate_no_secret", InitiateOutcome::kOther, "no PSK found"},
    {"initiate_no_private_key", InitiateOutcome::kOther, "private key matching CKAID"},
    {"initiate_superseded", InitiateOutcome::kOther, "was superseded"},  // R22
    {"initiate_not_oriented", InitiateOutcome::kOther, "failed to initiate"},
};

INSTANTIATE_TEST_SUITE_P(RealOutput, InitiateReportTest, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.fixture); });

TEST(InitiateReportTest, ADeadlineWithoutAWordIsNoAnswer) {
  WhackReply reply;
  reply.timed_out = true;
  EXPECT_EQ(ReadInitiateReport(reply).outcome, InitiateOutcome::kNoAnswer);
}

TEST(InitiateReportTest, R18APeerThatSignsByThePaddingThatNobodyTakesIsNotLearned) {
  WhackReply reply;
  reply.lines.push_back({3, "\"x2-t-0\" #1: authentication failed: peer authentication requires policy RSASIG_v1_5"});
  EXPECT_EQ(ReadInitiateReport(reply).outcome, InitiateOutcome::kAuthenticationFailed);
}

TEST(InitiateReportTest, SilenceIsNotSuccess) {
  EXPECT_EQ(ReadInitiateReport(WhackReply{}).outcome, InitiateOutcome::kOther);
}

TEST(InitiateReportTest, TheDetailCarriesNoControlCharacters) {
  WhackReply reply;
  reply.lines.push_back({3, "\"x2-a-0\" #1: authentication failed: \x1b[2J\x07"});
  const auto report = ReadInitiateReport(reply);
  EXPECT_EQ(report.detail.find('\x1b'), std::string::npos);
  EXPECT_EQ(report.detail.find('\x07'), std::string::npos);
}

}  // namespace
}  // namespace henb::x2sec::pluto
