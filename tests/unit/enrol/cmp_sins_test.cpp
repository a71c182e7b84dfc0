// A misbehaving RA/CA: each sin is refused under its name, and leaves the CA with no live certificate where the device
// could tell it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct SinCase {
  std::string sin;
  std::string event;
  StatusCode code;
  std::vector<CertificateState> ledger;  ///< Afterwards.
};

class CmpSins : public ::testing::TestWithParam<SinCase> {};

TEST_P(CmpSins, IsRefusedUnderItsName) {
  const SinCase& sin = GetParam();
  EnrolScene scene;
  scene.StartCa(sin.sin);
  const auto enrolled = scene.Enrol();
  ASSERT_FALSE(enrolled.ok());
  EXPECT_THAT(std::string(enrolled.status().message()), StartsWith(sin.event + ": "));
  EXPECT_EQ(enrolled.status().code(), sin.code) << enrolled.status();
  EXPECT_THAT(scene.store().Keys().value(), IsEmpty()) << "nothing is installed";
  std::vector<CertificateState> states;
  for (const LedgerEntry& entry : scene.ledger().Entries()) states.push_back(entry.state);
  EXPECT_EQ(states, sin.ledger);
}

constexpr auto kIssued = CertificateState::kIssued;
constexpr auto kConfirmed = CertificateState::kConfirmed;
constexpr auto kRevoked = CertificateState::kRevoked;
constexpr auto kRefusedHere = StatusCode::kFailedPrecondition;

INSTANTIATE_TEST_SUITE_P(
    Sins, CmpSins,
    ::testing::Values(SinCase{"reject-certconf", "cmp.confirmation_refused", StatusCode::kPermissionDenied, {kRevoked}},
                      SinCase{"other-ca", "cmp.untrusted_path", kRefusedHere, {kRevoked}},
                      SinCase{"other-signer", "cmp.bad_protection", kRefusedHere, {kIssued}},
                      SinCase{"other-key", "cmp.other_key", kRefusedHere, {kRevoked}},
                      SinCase{"other-san", "cmp.other_identity", kRefusedHere, {kRevoked}},
                      SinCase{"two-sans", "cmp.other_identity", kRefusedHere, {kRevoked}},
                      SinCase{"other-subject", "cmp.other_subject", kRefusedHere, {kRevoked}},
                      SinCase{"other-usage", "cmp.wrong_usage", kRefusedHere, {kRevoked}},
                      SinCase{"ca-certificate", "cmp.wrong_usage", kRefusedHere, {kRevoked}},
                      SinCase{"sha1-certificate", "cmp.weak_signature", kRefusedHere, {kRevoked}},
                      SinCase{"expired", "cmp.not_valid_now", kRefusedHere, {kRevoked}},
                      SinCase{"not-yet-valid", "cmp.not_valid_now", kRefusedHere, {kRevoked}},
                      SinCase{"sha1-protection", "cmp.sha1_protection", kRefusedHere, {kIssued}},
                      SinCase{"altered-ip", "cmp.bad_protection", kRefusedHere, {kIssued}},
                      SinCase{"garbage", "cmp.malformed_answer", kRefusedHere, {kIssued}},
                      SinCase{"huge", "cmp.malformed_answer", kRefusedHere, {kIssued}},
                      SinCase{"no-ip", "cmp.unreachable", StatusCode::kUnavailable, {kIssued}},
                      SinCase{"no-pkiconf", "cmp.no_pkiconf", StatusCode::kUnavailable, {kConfirmed}}),
    [](const auto& sin) {
      std::string name = sin.param.sin;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(CmpReplay, R30AReplayedIpIsRefused) {
  EnrolScene scene;
  scene.StartCa("replay-ip");
  ASSERT_TRUE(scene.Enrol().ok()) << "the first ip is the one that is replayed";
  const auto replayed = scene.Enrol();
  EXPECT_EQ(replayed.status().code(), kRefusedHere);
  EXPECT_THAT(std::string(replayed.status().message()), StartsWith("cmp.replayed_answer: "));
}

TEST(CmpSinNames, EverySinHasATest) {
  for (const std::string& name : SinNames()) EXPECT_TRUE(MakeSin(name).ok());
  EXPECT_EQ(MakeSin("no such").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(SinNames().size(), 26U)
      << "a new sin needs its line above, or in late_binding_test.cpp or mac_enrolment_test.cpp";
}

}  // namespace
}  // namespace henb::tests
