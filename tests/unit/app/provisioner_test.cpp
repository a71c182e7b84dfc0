// R37: what x2secd does with provisioning data: all of it, or nothing.
#include "henb-x2sec/app/credentials/provisioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "device_files.h"
#include "policy/envelope.h"
#include "tests/unit/policy/test_pki.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";
constexpr char kOperator[] = "operator.example";

class Provisioner_R37 : public ::testing::Test {
 protected:
  Provisioner_R37() {
    device.config.operator_root.reset();
    Start();
  }
  /// As x2secd at its start.
  void Start() {
    provisioner.reset();
    provisioning.emplace(
        policy::ProvisioningStoreConfig{
            device.directory.path(), device.config.id, "", {device.vendor_root.certificate()}},
        &clock);
    ASSERT_TRUE(provisioning->Load().ok());
    const auto held = provisioning->current();
    credentials.emplace(*Credentials::Load(device.config, store, RootsOf(held.get())));
    policies.emplace(policy::PolicyStoreConfig{device.directory.path() + "/policy",
                                               device.config.id,
                                               held == nullptr ? "" : held->data.operator_name,
                                               {device.vendor_root.certificate()}},
                     &clock);
    ASSERT_TRUE(policies->Load().ok());
    provisioner.emplace(Provisioner::Parts{.store = *provisioning,
                                           .policy = *policies,
                                           .credentials = *credentials,
                                           .open = [this](const std::string& der, const common::Certificate&,
                                                          const std::string&) -> absl::StatusOr<common::SecretBytes> {
                                             opened.push_back(der);
                                             if (!envelope_opens)
                                               return absl::InvalidArgumentError(
                                                   "does not open with this device's key");
                                             return common::SecretBytes::CopyOf(kSecret);
                                           },
                                           .in_force = [this] { ++in_force; }});
    provisioner->Resume();
  }
  Json Data(std::uint64_t serial) const {
    return {{"schema", 1},
            {"device", "henb-a.example"},
            {"operator", kOperator},
            {"serial", serial},
            {"not_after", "2040-01-01T00:00:00Z"},
            {"enrolment", {{"server_url", "http://10.0.0.1/pkix/"}, {"recipient", "/O=Operator/CN=RA"}}}};
  }
  static Json Policy(std::uint64_t version) {
    return {{"schema", 1},
            {"operator", kOperator},
            {"audience", {"henb-a.example"}},
            {"version", version},
            {"not_before", "2020-01-01T00:00:00Z"},
            {"not_after", "2040-01-01T00:00:00Z"},
            {"rules", {{{"id", "all"}}}}};
  }
  std::string Signed(const Json& policy) const {
    return policy::SignPolicy(policy.dump(), signer.certificate, signer.KeyPem(), {}).value();
  }
  std::string Make(const Json& data, const std::string& policy = "", const std::string& envelope = "") const {
    policy::ProvisioningExtras extras;
    extras.operator_roots = {device.operator_root.certificate()};
    extras.policy = policy;
    if (!envelope.empty()) extras.credential = common::Sha256Digest::Of(envelope);
    const auto json = policy::CompleteProvisioning(data.dump(), extras);
    EXPECT_TRUE(json.ok()) << json.status();
    return policy::SignProvisioning(json.value_or("{}"), signer.certificate, signer.KeyPem(), {}, envelope).value();
  }
  void Refused(const std::string& cms, std::string_view why) {
    const auto taken = provisioner->Take(cms);
    EXPECT_EQ(taken.status().code(), absl::StatusCode::kInvalidArgument) << taken.status();
    EXPECT_THAT(std::string(taken.status().message()), HasSubstr(std::string(why)));
  }
  void NothingHasChanged() {
    EXPECT_EQ(in_force, 0);
    EXPECT_EQ(provisioning->current(), nullptr);
    EXPECT_TRUE(credentials->operator_roots().empty());
    EXPECT_EQ(policies->policy(), nullptr);
    EXPECT_EQ(policies->operator_name(), "");
    EXPECT_FALSE(provisioner->HasMacSecret());
  }

  common::FakeClock clock;
  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  policy::test::Holder vendor{device.vendor_root.certificate(),
                              policy::test::Key(device.vendor_root.key(), [](EVP_PKEY*) {})};
  policy::test::Holder signer =
      policy::test::Issue({.devices = {"henb-a.example"}, .operator_name = kOperator}, &vendor);
  std::optional<policy::ProvisioningStore> provisioning;
  std::optional<Credentials> credentials;
  std::optional<policy::PolicyStore> policies;
  std::optional<Provisioner> provisioner;
  bool envelope_opens = true;
  std::vector<std::string> opened;
  int in_force = 0;
};

TEST_F(Provisioner_R37, RootsOperatorAndPolicyAreInForceAndComeBackAfterARestart) {
  const auto taken = provisioner->Take(Make(Data(3), Signed(Policy(1))));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->serial, 3U);
  EXPECT_FALSE(taken->unchanged);
  EXPECT_EQ(in_force, 1);
  for (int restart = 0; restart < 2; ++restart) {
    ASSERT_EQ(credentials->known_roots().size(), 1U);
    EXPECT_EQ(credentials->known_roots()[0].origin, "PROVISIONED");
    EXPECT_EQ(policies->operator_name(), kOperator);
    ASSERT_NE(policies->policy(), nullptr);
    EXPECT_EQ(policies->policy()->version, 1U);
    Start();
  }
}

TEST_F(Provisioner_R37, TheSameAgainIsUnchanged) {
  const std::string cms = Make(Data(3), Signed(Policy(1)));
  ASSERT_TRUE(provisioner->Take(cms).ok());
  // A newer policy came meanwhile: the one in the data is not looked at again.
  ASSERT_TRUE(policies->Push(Signed(Policy(5)), false, "test").ok());
  const auto again = provisioner->Take(cms);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->unchanged);
  EXPECT_EQ(in_force, 1);
  EXPECT_EQ(policies->policy()->version, 5U);
}

TEST_F(Provisioner_R37, APolicyThatIsRefusedRefusesAll) {
  Json other = Policy(1);
  other["operator"] = "other.example";
  Refused(Make(Data(3), Signed(other)), "policy: ");
  Json wrong = Policy(1);
  wrong["rules"][0]["methods"] = {"PIGEON"};
  Refused(Make(Data(3), Signed(wrong)), "policy: rules[0].methods[0]: ");
  NothingHasChanged();
}

TEST_F(Provisioner_R37, R36ACredentialThatIsNotForThisDeviceRefusesAll) {
  const std::string envelope =
      policy::EncryptFor(device.vendor.certificate, common::SecretBytes::CopyOf(kSecret)).value();
  envelope_opens = false;
  Refused(Make(Data(3), "", envelope), "credential_sha256: does not open");
  NothingHasChanged();
  EXPECT_EQ(opened, std::vector{envelope});
}

TEST_F(Provisioner_R37, R36TheCredentialIsOpenedWhenItIsUsedAndGoneWhenSpent) {
  const std::string envelope =
      policy::EncryptFor(device.vendor.certificate, common::SecretBytes::CopyOf(kSecret)).value();
  ASSERT_TRUE(provisioner->Take(Make(Data(3), "", envelope)).ok());
  Start();
  opened.clear();
  const auto opener = provisioner->MacSecret();
  ASSERT_TRUE(opener.has_value());
  EXPECT_TRUE(opened.empty());
  EXPECT_EQ((*opener)()->view(), kSecret);
  EXPECT_EQ(opened.size(), 1U);
  ASSERT_TRUE(provisioner->SpendMacSecret().ok());
  EXPECT_FALSE(provisioner->HasMacSecret());
  Start();
  EXPECT_FALSE(provisioner->HasMacSecret());
  ASSERT_EQ(credentials->known_roots().size(), 1U);
}

TEST_F(Provisioner_R37, RootsOfALaterSerialTakeTheirPlace) {
  ASSERT_TRUE(provisioner->Take(Make(Data(3))).ok());
  const tests::TestAuthority next = tests::TestAuthority::Root("/O=Operator/CN=Next root");
  policy::ProvisioningExtras extras;
  extras.operator_roots = {next.certificate()};
  const std::string json = policy::CompleteProvisioning(Data(4).dump(), extras).value();
  ASSERT_TRUE(
      provisioner->Take(policy::SignProvisioning(json, signer.certificate, signer.KeyPem(), {}, "").value()).ok());
  ASSERT_EQ(credentials->operator_roots().size(), 1U);
  EXPECT_EQ(credentials->operator_roots()[0].der(), next.certificate().der());
}

/// The power went after the data were kept and before their policy was.
TEST_F(Provisioner_R37, APolicyThatWasNotReachedIsTakenAtTheNextStart) {
  const auto judged = provisioning->Judge(Make(Data(3), Signed(Policy(1))));
  ASSERT_TRUE(judged.ok()) << judged.status();
  ASSERT_TRUE(provisioning->Keep(*judged).ok());
  EXPECT_EQ(policies->policy(), nullptr);
  Start();
  ASSERT_NE(policies->policy(), nullptr);
  EXPECT_EQ(policies->policy()->version, 1U);
}

}  // namespace
}  // namespace henb::x2sec::app
