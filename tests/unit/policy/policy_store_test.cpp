// R56: one intake, versions that never go down, nothing half applied, across restarts.
#include "policy/policy_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/file.h"
#include "common/strings.h"
#include "tests/unit/policy/fixtures.h"
#include "tests/unit/policy/test_pki.h"

namespace henb::policy::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

struct JsonWish {
  std::uint64_t version = 1;
  std::string operator_name = "operator.example";
  std::string audience = "*.site.example";
  std::string not_before = "2026-01-01T00:00:00Z";
  std::string not_after = "2028-01-01T00:00:00Z";
  std::string rules = R"([{"id":"any"}])";
};

std::string JsonOf(const JsonWish& wish) {
  return common::StrCat(R"({"schema":1,"operator":")", wish.operator_name, R"(","audience":[")", wish.audience,
                        R"("],"version":)", wish.version, R"(,"not_before":")", wish.not_before, R"(","not_after":")",
                        wish.not_after, R"(","rules":)", wish.rules, "}");
}

class PolicyStoreR56 : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/policy-store-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    store_ = Open();
    ASSERT_TRUE(store_->Load().ok());
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<PolicyStore> Open() {
    return std::make_unique<PolicyStore>(
        PolicyStoreConfig{folder_ + "/state", Id(kSelfId), "operator.example", {root_.certificate}}, &clock_);
  }
  std::string Signed(const JsonWish& wish) { return SignCms(JsonOf(wish), signer_); }
  absl::StatusOr<PushReport> Push(const std::string& der, bool dry_run = false) {
    return store_->Push(der, dry_run, "test");
  }
  void Restart() {
    store_ = Open();
    ASSERT_TRUE(store_->Load().ok());
  }
  /// Refused, and neither memory nor disk nor the version mark noticed.
  void RefusedWithoutATrace(const std::string& der, std::string_view why) {
    const auto before = store_->current();
    const std::string files = Files();
    const auto report = Push(der);
    ASSERT_FALSE(report.ok());
    EXPECT_THAT(std::string(report.status().message()), HasSubstr(std::string(why)));
    EXPECT_EQ(store_->current(), before);
    EXPECT_EQ(Files(), files);
    const auto history = store_->History().value();
    ASSERT_FALSE(history.empty());
    EXPECT_EQ(history.back().result, "REFUSED");
    EXPECT_THAT(history.back().detail, HasSubstr(std::string(why)));
  }
  std::string Files() {
    std::string out;
    for (const char* name : {"policy.der", "policy-high-water.json"}) {
      out += common::ReadFile(folder_ + "/state/" + name).value_or("none") + "|";
    }
    return out;
  }

  common::FakeClock clock_{kNow};
  Holder root_ = MakeRoot("Vendor Root");
  Holder signer_ = Issue({}, &root_);
  std::string folder_;
  std::unique_ptr<PolicyStore> store_;
};

TEST_F(PolicyStoreR56, AppliesAndKeepsAcrossRestart) {
  EXPECT_EQ(store_->policy(), nullptr);
  const auto report = Push(Signed({.version = 3}));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->result, PushResult::kApplied);
  EXPECT_EQ(report->accepted->sha256, common::Sha256Digest::Of(JsonOf({.version = 3})));
  Restart();
  ASSERT_NE(store_->policy(), nullptr);
  EXPECT_EQ(store_->policy()->version, 3U);
}

TEST_F(PolicyStoreR56, SameVersionSameDigestIsUnchangedEvenIfSignedAnew) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  EXPECT_EQ(Push(Signed({.version = 3}))->result, PushResult::kUnchanged);
  Restart();
  EXPECT_EQ(Push(Signed({.version = 3}))->result, PushResult::kUnchanged);
}

TEST_F(PolicyStoreR56, RefusesOlderVersionsAlsoAfterRestart) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  RefusedWithoutATrace(Signed({.version = 2}), "version: 2 is lower than 3");
  Restart();
  RefusedWithoutATrace(Signed({.version = 2}), "version: 2 is lower than 3");
}

TEST_F(PolicyStoreR56, RefusesTheSameVersionWithOtherContentAlsoAfterRestart) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  const std::string other = Signed({.version = 3, .rules = R"([{"id":"other"}])"});
  RefusedWithoutATrace(other, "version: 3 was taken before with other content");
  Restart();
  RefusedWithoutATrace(other, "version: 3 was taken before with other content");
}

TEST_F(PolicyStoreR56, RefusesOtherSitesAndOperatorsAndDates) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  RefusedWithoutATrace(Signed({.version = 4, .audience = "*.elsewhere.example"}), "audience: this device");
  RefusedWithoutATrace(Signed({.version = 4, .operator_name = "rival.example"}), "operator: \"rival.example\" is not");
  RefusedWithoutATrace(Signed({.version = 4, .not_after = "2026-12-31T00:00:00Z"}), "not_after: 2026-12-31");
  RefusedWithoutATrace(Signed({.version = 4, .not_before = "2027-12-31T00:00:00Z"}), "not_before: 2027-12-31");
}

TEST_F(PolicyStoreR56, RefusesBadPoliciesWithTheirPlaceAndChangesNothing) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  const std::string bad = Signed({.version = 4, .rules = R"([{"id":"a","match":{"networks":["10.0.0/8"]}}])"});
  EXPECT_EQ(Push(bad).status().code(), absl::StatusCode::kInvalidArgument);
  RefusedWithoutATrace(bad, "rules[0].match.networks[0]: \"10.0.0/8\" is not a CIDR");
  RefusedWithoutATrace(JsonOf({.version = 4}), "not a signed policy");
  std::string altered = Signed({.version = 4});
  altered[altered.find("\"any\"") + 1] = 'A';
  RefusedWithoutATrace(altered, "the signature does not hold");
  EXPECT_TRUE(Push(Signed({.version = 4})).ok());  // The bad one has not used up its version.
}

TEST_F(PolicyStoreR56, RefusesSignaturesOfAnotherHenb) {
  CertificateWish henb;
  henb.configuration_eku = false;
  henb.dns = kPeerId;
  RefusedWithoutATrace(SignCms(JsonOf({.version = 9}), Issue(henb, &root_)), "no configurationSigner EKU");
}

TEST_F(PolicyStoreR56, DryRunJudgesAndLeavesNothing) {
  const std::string files = Files();
  EXPECT_EQ(Push(Signed({.version = 3}), /*dry_run=*/true)->result, PushResult::kWouldApply);
  EXPECT_EQ(store_->current(), nullptr);
  EXPECT_EQ(Files(), files);
  EXPECT_TRUE(store_->History()->empty());
  EXPECT_FALSE(Push(JsonOf({}), /*dry_run=*/true).ok());
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  EXPECT_EQ(Push(Signed({.version = 3}), true)->result, PushResult::kUnchanged);
}

TEST_F(PolicyStoreR56, VersionsStayWhenThePolicyFileIsLostOrRolledBack) {
  const std::string old_policy = Signed({.version = 3});
  ASSERT_TRUE(Push(old_policy).ok());
  ASSERT_TRUE(Push(Signed({.version = 5})).ok());
  ASSERT_TRUE(common::WriteFileAtomically(folder_ + "/state/policy.der", old_policy).ok());
  store_ = Open();
  EXPECT_EQ(store_->Load().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->policy(), nullptr);
  EXPECT_FALSE(Push(old_policy).ok());
  fs::remove(folder_ + "/state/policy.der");
  Restart();
  EXPECT_FALSE(Push(Signed({.version = 4})).ok());
  EXPECT_EQ(Push(Signed({.version = 5}))->result, PushResult::kApplied);
}

TEST_F(PolicyStoreR56, DamagedStateBlocksAndSaysWhere) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  ASSERT_TRUE(common::WriteFileAtomically(folder_ + "/state/policy-high-water.json", "{\"version\":0}").ok());
  store_ = Open();
  EXPECT_THAT(std::string(store_->Load().message()), HasSubstr("policy-high-water.json"));
  EXPECT_EQ(store_->policy(), nullptr);
  EXPECT_FALSE(Push(Signed({.version = 9})).ok());
}

TEST_F(PolicyStoreR56, PowerCutBetweenPolicyAndMarkLosesNothing) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  ASSERT_TRUE(common::WriteFileAtomically(folder_ + "/state/policy.der", Signed({.version = 4})).ok());
  Restart();
  EXPECT_EQ(store_->policy()->version, 4U);
  EXPECT_FALSE(Push(Signed({.version = 3})).ok());
}

TEST_F(PolicyStoreR56, LoadsWithAnInsaneClockAndAnExpiredSigner) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  clock_.SetNow(absl::FromUnixSeconds(0));
  Restart();
  EXPECT_NE(store_->policy(), nullptr);
  EXPECT_FALSE(Push(Signed({.version = 4})).ok());
}

TEST_F(PolicyStoreR56, FailureToWriteChangesNothing) {
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  const std::string policy_before = common::ReadFile(folder_ + "/state/policy.der").value();
  // The mark can't be replaced: a folder stands where its temporary file goes.
  fs::create_directories(folder_ + "/state/policy-high-water.json.new/x");
  EXPECT_FALSE(Push(Signed({.version = 4})).ok());
  EXPECT_EQ(store_->policy()->version, 3U);
  EXPECT_EQ(common::ReadFile(folder_ + "/state/policy.der").value(), policy_before);
}

TEST_F(PolicyStoreR56, KeepsTheLastHundredPushes) {
  for (int i = 0; i < 105; ++i) EXPECT_FALSE(Push("x").ok());
  ASSERT_TRUE(Push(Signed({.version = 3})).ok());
  const auto history = store_->History().value();
  EXPECT_EQ(history.size(), 100U);
  EXPECT_EQ(history.back().result, "APPLIED");
  EXPECT_EQ(history.back().version, 3U);
  EXPECT_EQ(history.back().source, "test");
  EXPECT_EQ(history.back().at, kNow);
}

}  // namespace
}  // namespace henb::policy::test
