// Reading and judging policies: what is taken, and what is said of what is not.
#include "policy/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "common/file.h"
#include "common/process_runner.h"
#include "common/strings.h"
#include "policy/suite.h"
#include "policy/validate.h"
#include "tests/unit/policy/fixtures.h"

namespace henb::policy::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kFolder = X2_SOURCE_DIR "/tests/unit/policy/wrong";

std::map<std::string, std::string> Expected() {
  std::map<std::string, std::string> out;
  std::ifstream file(kFolder + "/expected.txt");
  for (std::string line; std::getline(file, line);) {
    const auto tab = line.find('\t');
    if (line.starts_with("#") || tab == std::string::npos) continue;
    out[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return out;
}

std::string FirstError(std::string_view json) {
  const auto policy = LoadPolicy(json);
  return policy.ok() ? "" : std::string(common::ToStd(policy.status().message()));
}

std::string With(const std::string& rule) {
  return R"({"schema":1,"operator":"o","audience":["*.x"],"version":1,"not_before":"2026-01-01T00:00:00Z",)"
         R"("not_after":"2027-01-01T00:00:00Z","rules":[)" +
         rule + "]}";
}

TEST(LoadPolicy, TwentyWrongFilesAndMoreGetTheirMessage) {
  const auto expected = Expected();
  ASSERT_GE(expected.size(), 20U);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    SCOPED_TRACE(entry.path().filename().string());
    const auto wanted = expected.find(entry.path().stem().string());
    ASSERT_NE(wanted, expected.end());
    const auto text = common::ReadFile(entry.path().string());
    ASSERT_TRUE(text.ok());
    const auto policy = LoadPolicy(*text);
    ASSERT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(FirstError(*text), StartsWith(wanted->second));
  }
  EXPECT_EQ(files, expected.size());
}

TEST(LoadPolicy, TakesTheExamplesOfTheDocumentation) {
  for (const char* name : {"certificates-only", "site", "pair-key-after-failure", "late-binding", "through-nem"}) {
    const auto text = common::ReadFile(common::StrCat(X2_SOURCE_DIR "/docs/examples/", name, ".json"));
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_TRUE(LoadPolicy(*text).ok()) << name << ": " << LoadPolicy(*text).status();
  }
}

TEST(LoadPolicy, GivesAbsentFieldsTheirDefaults) {
  const auto policy = LoadPolicy(With(R"({"id":"any"})"));
  ASSERT_TRUE(policy.ok()) << policy.status();
  const Rule& rule = policy->rules.at(0);
  EXPECT_EQ(rule.methods, (std::vector{Method::kCertSameCa, Method::kCertEnrolled}));
  EXPECT_TRUE(rule.fallback_on.empty());
  EXPECT_EQ(rule.suites, DefaultSuites());
  EXPECT_EQ(rule.mode, Mode::kTunnel);
  EXPECT_EQ(rule.replay_window, 2048U);
  EXPECT_EQ(policy->revocation_default.mode, RevocationMode::kGrace);
  EXPECT_FALSE(policy->backhaul.trusted);
  EXPECT_FALSE(policy->enrolment.has_value());
}

TEST(LoadPolicy, ReadsEveryField) {
  const auto policy = LoadPolicy(
      R"({"schema":1,"operator":"o","audience":["a.x","*.y"],"version":18446744073709551615,
      "not_before":"2026-01-01T00:00:00Z","not_after":"2027-01-01T01:00:00+01:00","rules":[{"id":"r","match":{
      "neighbours":["b.x"],"kinds":["HENB"],"interfaces":["eth0"],"networks":["fd00::/8"],
      "issuers":["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],"csg_ids":[0,134217727],
      "access_modes":["OPEN"],"same_csg":false},"methods":["PSK","CERT_SAME_CA"],"fallback_on":["KEY_DENIED"],
      "suites":["AES128_CBC_SHA2_256_DH14"],"mode":"TRANSPORT","revocation":{"mode":"GRACE","grace":"1h"},
      "max_sa_age":"3600s","replay_window":64}],"enrolment":{"server_url":"https://ra.x/","recipient":"/CN=RA",
      "transport":"DIRECT","require_pkiconf":false,"allow_implicit_confirm":true,"credential":"VENDOR_CERTIFICATE",
      "pinned_roots":["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
      "late_binding":{"root_subject":"/O=Operator/CN=Root"}},
      "revocation_default":{"mode":"SOFT"},"backhaul":{"trusted":true,"interface":"wan0"}})");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->version, 18446744073709551615U);
  EXPECT_EQ(policy->not_after, absl::FromCivil(absl::CivilHour(2027, 1, 1, 0), absl::UTCTimeZone()));
  const Rule& rule = policy->rules.at(0);
  EXPECT_EQ(rule.match.same_csg, false);
  EXPECT_EQ(rule.match.csg_ids.at(1), 134217727U);
  EXPECT_EQ(rule.revocation, (Revocation{RevocationMode::kGrace, absl::Hours(1)}));
  EXPECT_EQ(rule.max_sa_age, absl::Hours(1));
  EXPECT_EQ(rule.replay_window, 64U);
  EXPECT_EQ(policy->enrolment->transport, Transport::kDirect);
  EXPECT_FALSE(policy->enrolment->require_pkiconf);
  EXPECT_EQ(policy->enrolment->credential, EnrolmentCredential::kVendorCertificate);
  EXPECT_EQ(policy->enrolment->pinned_roots.size(), 1U);
  EXPECT_EQ(policy->enrolment->late_binding->root_subject, "/O=Operator/CN=Root");
  EXPECT_FALSE(policy->enrolment->late_binding->root_spki.has_value());
  EXPECT_TRUE(policy->backhaul.trusted);
}

TEST(LoadPolicy, ReportsSeveralErrorsAtOnce) {
  const auto reading = ReadPolicy(With(R"({"id":"a","mode":7,"methods":[]},{"colour":1})"));
  EXPECT_FALSE(reading.policy.has_value());
  EXPECT_EQ(reading.problems.size(), 4U);
}

TEST(LoadPolicy, RefusesWhatIsTooLargeOrNotUtf8OrNoObject) {
  EXPECT_THAT(FirstError(std::string((1U << 20) + 1, ' ')), HasSubstr("at most 1048576 are read"));
  EXPECT_THAT(FirstError("[]"), HasSubstr("an object is expected"));
  EXPECT_THAT(FirstError(""), HasSubstr("not JSON"));
  EXPECT_THAT(FirstError("{\"operator\":\"\xff\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(FirstError("{\"version\":1e400}"), HasSubstr("1:"));
  EXPECT_THAT(FirstError(std::string(100000, '[')), HasSubstr("more than 8 levels deep"));
}

TEST(LoadPolicy, NamesWhatItRefusesWithoutControlCharacters) {
  EXPECT_THAT(FirstError(With("{\"id\":\"a\",\"a\\u0000\\n\":1}")), HasSubstr("\"a\\x00\\n\": unknown field"));
}

TEST(LoadPolicy, RefusesListsOfTheSameTwice) {
  EXPECT_THAT(FirstError(With(R"({"id":"a","methods":["PSK","PSK"]})")),
              HasSubstr("rules[0].methods[1]: is listed twice"));
}

TEST(Validate, WarnsOfEnrolmentWithoutServer) {
  const auto reading = ReadPolicy(With(R"({"id":"a","methods":["CERT_ENROLLED"]})"));
  ASSERT_TRUE(reading.policy.has_value());
  ASSERT_EQ(reading.problems.size(), 1U);
  EXPECT_TRUE(reading.problems.list().front().warning);
}

TEST(Validate, FindsShadowsByMeaning) {
  Rule wide = RuleOf("wide", {Method::kCertSameCa});
  wide.match.networks = {Net("10.0.0.0/8")};
  Rule narrow = RuleOf("narrow", {Method::kPsk});
  narrow.match.networks = {Net("10.9.0.0/16"), Net("10.8.0.0/16")};
  narrow.match.kinds = {Kind::kHenb};
  EXPECT_TRUE(Shadows(wide, narrow));
  EXPECT_FALSE(Shadows(narrow, wide));
  narrow.match.networks.push_back(Net("192.168.0.0/16"));
  EXPECT_FALSE(Shadows(wide, narrow));
  narrow.match.networks.pop_back();
  narrow.methods = {Method::kBlock};  // Matches where any address is inside, and the wide one then need not.
  EXPECT_FALSE(Shadows(wide, narrow));
  wide.methods = {Method::kBlock};
  EXPECT_TRUE(Shadows(wide, narrow));
}

// R13: what is offered is AES-GCM-16 or AES-CBC with HMAC-SHA2, PRF SHA2, DH 14, 19 or 20, in whack's words.
TEST(Suite, OffersApprovedProposalsOnlyR13) {
  for (const Suite suite : DefaultSuites()) {
    EXPECT_THAT(std::string(IkeProposal(suite)),
                ::testing::MatchesRegex("aes(_gcm)?(128|256)-sha2_(256|384)-(ecp256|ecp384|modp2048)"));
    EXPECT_THAT(
        std::string(EspProposal(suite)),
        ::testing::MatchesRegex("(aes_gcm(128|256)-none|aes(128|256)-sha2_(256|384))-(ecp256|ecp384|modp2048)"));
    EXPECT_EQ(ParseSuite(SuiteName(suite)).value(), suite);
  }
  EXPECT_EQ(IkeProposal(static_cast<Suite>(200)), "");
  EXPECT_EQ(DefaultSuites().size(), 10U);
}

// One group for child SAs, the preferred suite's: pluto takes no second one.
TEST(Suite, OffersOneGroupForEsp) {
  EXPECT_EQ(IkeProposals(DefaultSuites()).size(), 10U);
  EXPECT_THAT(EspProposals(DefaultSuites()),
              ::testing::ElementsAre("aes_gcm256-none-ecp256", "aes_gcm128-none-ecp256", "aes256-sha2_256-ecp256",
                                     "aes256-sha2_384-ecp256", "aes128-sha2_256-ecp256"));
  EXPECT_THAT(EspProposals({Suite::kAes256Gcm16Sha384Dh20, Suite::kAes128CbcSha256Dh14}),
              ::testing::ElementsAre("aes_gcm256-none-ecp384", "aes128-sha2_256-ecp384"));
  EXPECT_TRUE(EspProposals({static_cast<Suite>(200)}).empty());
}

// pluto's own parser takes both lists; where libreswan is not installed there is nothing to ask.
TEST(Suite, PlutoReadsTheProposalsR13) {
  const std::string parser = "/usr/libexec/ipsec/algparse";
  if (!std::filesystem::exists(parser)) GTEST_SKIP() << parser << " is not there";
  common::SystemProcessRunner runner;
  for (const std::string& what : {"ike=" + common::Join(IkeProposals(DefaultSuites()), ","),
                                  "esp=" + common::Join(EspProposals(DefaultSuites()), ",")}) {
    common::ProcessRequest request;
    request.argv = {parser, "-v2", "-pfs=yes", what};
    const auto result = runner.Run(request);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->exit_status, 0) << result->output << result->error;
    EXPECT_THAT(result->output + result->error, ::testing::Not(HasSubstr("ERROR")));
  }
}

}  // namespace
}  // namespace henb::policy::test
