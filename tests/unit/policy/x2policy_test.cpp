// x2policy as people run it: each command, its output and its exit status (DESIGN 7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/process_runner.h"
#include "common/strings.h"
#include "tests/unit/policy/test_pki.h"

namespace henb::policy::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

const std::string kExamples = X2_SOURCE_DIR "/docs/examples/";
const std::string kWrong = X2_SOURCE_DIR "/tests/unit/policy/wrong/";

class X2policy : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/x2policy-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  common::ProcessResult Run(std::vector<std::string> arguments) {
    common::ProcessRequest request;
    request.argv = std::move(arguments);
    request.argv.insert(request.argv.begin(), X2_BINARY_DIR "/bin/x2policy");
    request.deadline = absl::Seconds(60);
    common::SystemProcessRunner runner;
    const auto result = runner.Run(request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(common::ProcessResult());
  }
  std::string Write(const std::string& name, std::string_view content) {
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(common::WriteFileAtomically(path, content).ok());
    return path;
  }
  /// Signer's files below a new vendor root: root.pem, signer.pem, signer.key.
  void MakeSigner() {
    const Holder root = MakeRoot("Vendor Root");
    CertificateWish wish;
    wish.devices = {"*.site-7.operator.example"};
    const Holder signer = Issue(wish, &root);
    root_ = Write("root.pem", root.certificate.pem());
    certificate_ = Write("signer.pem", signer.certificate.pem());
    key_ = Write("signer.key", signer.KeyPem().view());
  }
  common::ProcessResult Sign(const std::string& policy) {
    return Run({"sign", "--cert", certificate_, "--key", key_, "--out", folder_ + "/policy.der", policy});
  }
  common::ProcessResult Verify(const std::string& device, const std::string& now = "2026-06-01T00:00:00Z") {
    return Run({"verify", "--json", "--root", root_, "--device", device, "--operator", "operator.example", "--now", now,
                folder_ + "/policy.der"});
  }

  std::string folder_;
  std::string root_;
  std::string certificate_;
  std::string key_;
};

TEST_F(X2policy, WrongUsageIsStatusTwo) {
  EXPECT_EQ(Run({}).exit_status, 2);
  EXPECT_EQ(Run({"frobnicate"}).exit_status, 2);
  EXPECT_EQ(Run({"check"}).exit_status, 2);
  EXPECT_EQ(Run({"check", "a", "--colour"}).exit_status, 2);
  EXPECT_EQ(Run({"check", folder_ + "/none.json"}).exit_status, 2);
  const auto help = Run({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  for (const char* command : {"check", "explain", "sign", "verify", "diff", "schema", "provision"}) {
    EXPECT_THAT(help.output, HasSubstr(command));
  }
  EXPECT_EQ(Run({"--version"}).exit_status, 0);
}

TEST_F(X2policy, CheckSaysWhatIsRightAndWhereItIsWrong) {
  auto result = Run({"check", kExamples + "site.json"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("valid: version 12 of operator operator.example, 6 rules"));
  EXPECT_THAT(result.error, IsEmpty());
  result = Run({"check", kWrong + "not-a-cidr.json"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_THAT(result.error, HasSubstr("rules[1].match.networks[0]: \"10.0.0/8\" is not a CIDR"));
  result = Run({"check", "--json", kWrong + "not-a-cidr.json"});
  EXPECT_EQ(result.exit_status, 2);
  const Json out = Json::parse(result.output);
  EXPECT_EQ(out["valid"], false);
  EXPECT_EQ(out["problems"][0]["path"], "rules[1].match.networks[0]");
  EXPECT_EQ(out["problems"][0]["severity"], "ERROR");
}

TEST_F(X2policy, ExplainPrintsTheDecision) {
  const std::vector<std::string> arguments = {"explain",     kExamples + "site.json",
                                              "--self",      kExamples + "self.json",
                                              "--neighbour", kExamples + "neighbour.json"};
  auto result = Run(arguments);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("henb-4.site-7.operator.example: PSK, rule no-cmp"));
  auto with_json = arguments;
  with_json.emplace_back("--json");
  const Json out = Json::parse(Run(with_json).output);
  EXPECT_EQ(out["outcome"], "PSK");
  EXPECT_EQ(out["trace"].size(), 4U);
  auto later = with_json;
  later.insert(later.end(), {"--now", "2029-01-01T00:00:00Z"});
  EXPECT_EQ(Json::parse(Run(later).output)["reason"], "the policy has expired");
  auto wrong = arguments;
  wrong[5] = Write("neighbour.json", R"({"id":"henb-4.site-7.operator.example","kind":"HNB"})");
  result = Run(wrong);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.error, HasSubstr("neighbour.json: kind: \"HNB\" is none of HENB, ENB"));
}

TEST_F(X2policy, SignsAndVerifies) {
  MakeSigner();
  auto result = Sign(kExamples + "site.json");
  ASSERT_EQ(result.exit_status, 0) << result.error;
  result = Verify("henb-1.site-7.operator.example");
  ASSERT_EQ(result.exit_status, 0) << result.error;
  const Json out = Json::parse(result.output);
  EXPECT_EQ(out["version"], 12);
  EXPECT_EQ(out["signer"]["devices"][0], "*.site-7.operator.example");
  result = Run({"check", folder_ + "/policy.der"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.error, HasSubstr("the signature is not looked at"));
}

TEST_F(X2policy, VerifyRefusesWithTheStatusOfTheReason) {
  MakeSigner();
  ASSERT_EQ(Sign(kExamples + "site.json").exit_status, 0);
  auto result = Verify("henb-1.site-8.operator.example");
  EXPECT_EQ(result.exit_status, 5);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_THAT(result.error, HasSubstr("may not configure"));
  EXPECT_EQ(Verify("henb-1.site-7.operator.example", "2028-06-01T00:00:00Z").exit_status, 1);  // Past not_after.
  EXPECT_EQ(Verify("HENB").exit_status, 2);
  EXPECT_EQ(Verify("henb-1.site-7.operator.example", "tomorrow").exit_status, 2);
  Write("policy.der", "{}");
  EXPECT_EQ(Verify("henb-1.site-7.operator.example").exit_status, 2);
}

TEST_F(X2policy, SignRefusesABadPolicyUnlessToldToAndAWrongKey) {
  MakeSigner();
  auto result = Sign(kWrong + "not-a-cidr.json");
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/policy.der"));
  result = Run({"sign", "--no-check", "--cert", certificate_, "--key", key_, "--out", folder_ + "/policy.der",
                kWrong + "not-a-cidr.json"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  result = Verify("henb-1.site-7.operator.example");
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.error, HasSubstr("rules[1].match.networks[0]"));
  key_ = Write("other.key", MakeRoot("Other").KeyPem().view());
  EXPECT_EQ(Sign(kExamples + "site.json").exit_status, 2);
  certificate_ = root_;
  EXPECT_THAT(Sign(kExamples + "site.json").error, HasSubstr("configurationSigner"));
}

TEST_F(X2policy, DiffAndSchemaPrintJson) {
  auto result = Run({"diff", "--json", kExamples + "certificates-only.json", kExamples + "site.json"});
  ASSERT_EQ(result.exit_status, 0) << result.error;
  EXPECT_FALSE(Json::parse(result.output).empty());
  EXPECT_THAT(Run({"diff", kExamples + "site.json", kExamples + "site.json"}).output, HasSubstr("no difference"));
  EXPECT_EQ(Run({"diff", kExamples + "site.json", kWrong + "key-twice.json"}).exit_status, 2);
  EXPECT_TRUE(Json::parse(Run({"schema"}).output).contains("$schema"));
}

TEST_F(X2policy, R37MakesProvisioningDataThatTheDeviceWouldTake) {
  MakeSigner();
  const Holder operator_root = MakeRoot("Operator Root");
  CertificateWish wish;
  wish.configuration_eku = false;
  wish.devices.clear();
  wish.operator_name.clear();
  wish.dns = "henb-1.site-7.operator.example";
  const Holder device = Issue(wish, &operator_root);
  const std::string root = Write("operator-root.pem", operator_root.certificate.pem());
  const std::string device_file = Write("device.pem", device.certificate.pem());
  const std::string secret = "0123456789abcdef0123456789abcdef";
  const std::string data = Write("data.json", R"({"schema": 1, "device": "henb-1.site-7.operator.example",
      "operator": "operator.example", "serial": 3, "not_after": "2029-01-01T00:00:00Z",
      "enrolment_segs": [{"identity": "seg.operator.example", "address": "10.8.0.253"}]})");
  const std::string file = folder_ + "/henb-1.cms";
  const auto make = [&](const std::string& from, std::vector<std::string> more) {
    std::vector<std::string> words = {"provision", "make", from, "--cert", certificate_, "--key", key_, "--out", file};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  };
  const auto made = make(
      data, {"--operator-root", root, "--mac-secret", Write("secret", secret + "\n"), "--device-cert", device_file});
  ASSERT_EQ(made.exit_status, 0) << made.error;
  const auto show = [&](const std::string& id) {
    return Run({"provision", "show", file, "--root", root_, "--device", id, "--now", "2026-06-01T00:00:00Z"});
  };
  const auto shown = show("henb-1.site-7.operator.example");
  ASSERT_EQ(shown.exit_status, 0) << shown.error;
  const Json json = Json::parse(shown.output);
  EXPECT_EQ(json["serial"], 3);
  EXPECT_EQ(json["operator_roots"].size(), 1U);
  EXPECT_EQ(json["credential_sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(shown.output.find(secret), std::string::npos);
  EXPECT_EQ(common::ReadFile(file)->find(secret), std::string::npos);
  EXPECT_EQ(show("henb-2.site-7.operator.example").exit_status, 5);
  EXPECT_EQ(make(data, {"--mac-secret", Write("short", "too short"), "--device-cert", device_file}).exit_status, 2);
  EXPECT_EQ(make(data, {"--mac-secret", Write("secret", secret)}).exit_status, 2);
  const auto other = make(Write("other.json", R"({"schema": 1, "device": "henb-2.site-7.operator.example",
      "operator": "operator.example", "serial": 3, "not_after": "2029-01-01T00:00:00Z"})"),
                          {"--mac-secret", Write("secret", secret), "--device-cert", device_file});
  EXPECT_EQ(other.exit_status, 2);
  EXPECT_THAT(other.error, HasSubstr("device: "));
  const auto wrong = make(Write("wrong.json", R"({"schema": 1, "devise": "a.example"})"), {});
  EXPECT_EQ(wrong.exit_status, 2);
}

}  // namespace
}  // namespace henb::policy::test
