// R37, R66: provisioning data, and what of it is refused.
#include "policy/provisioning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/file.h"
#include "policy/envelope.h"
#include "policy/oids.h"
#include "policy/provisioning_store.h"
#include "tests/unit/policy/fixtures.h"
#include "tests/unit/policy/test_pki.h"

namespace henb::policy::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

class Provisioning_R37 : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/provisioning-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    store_ = Open();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ProvisioningStore> Open(const std::string& operator_name = "", const std::string& device = kSelfId) {
    auto out = std::make_unique<ProvisioningStore>(
        ProvisioningStoreConfig{folder_, Id(device), operator_name, {vendor_.certificate}}, &clock_);
    load_status_ = out->Load();
    return out;
  }
  static Json Data(std::uint64_t serial = 1) {
    return {{"schema", 1},
            {"device", kSelfId},
            {"operator", "operator.example"},
            {"serial", serial},
            {"not_after", "2028-01-01T00:00:00Z"},
            {"enrolment", {{"server_url", "http://10.0.0.1:829/pkix/"}, {"recipient", "/O=Operator/CN=RA"}}},
            {"enrolment_segs",
             {{{"identity", "seg1.operator.example"}, {"address", "10.8.0.253"}},
              {{"identity", "seg2.operator.example"}}}}};
  }
  std::string Envelope() const {
    return EncryptFor(device_.certificate, common::SecretBytes::CopyOf(std::string_view(kSecret))).value();
  }
  /// As `x2policy provision make` would, unless told otherwise.
  std::string Make(const Json& data, bool with_root = true, const std::string& envelope = "",
                   const Holder* signer = nullptr) const {
    const Holder& by = signer == nullptr ? signer_ : *signer;
    ProvisioningExtras extras;
    if (with_root) extras.operator_roots = {operator_.certificate};
    if (!envelope.empty()) extras.credential = common::Sha256Digest::Of(envelope);
    const auto json = CompleteProvisioning(data.dump(), extras);
    EXPECT_TRUE(json.ok()) << json.status();
    return SignProvisioning(json.value_or("{}"), by.certificate, by.KeyPem(), {}, envelope).value();
  }
  void Refused(std::string_view cms, std::string_view why) {
    const auto before = store_->current();
    const auto judged = store_->Judge(cms);
    EXPECT_EQ(judged.status().code(), absl::StatusCode::kInvalidArgument) << judged.status();
    EXPECT_THAT(std::string(judged.status().message()), HasSubstr(std::string(why)));
    EXPECT_EQ(store_->current(), before);
  }
  void Taken(std::string_view cms) {
    const auto judged = store_->Judge(cms);
    ASSERT_TRUE(judged.ok()) << judged.status();
    EXPECT_FALSE(judged->unchanged);
    ASSERT_TRUE(store_->Keep(*judged).ok());
  }
  std::string OnDisk() const { return common::ReadFile(folder_ + "/provisioning.der").value_or(""); }

  common::FakeClock clock_{kNow};
  std::string folder_;
  absl::Status load_status_;
  Holder vendor_ = MakeRoot("Vendor Root");
  Holder operator_ = MakeRoot("Operator Root");
  Holder signer_ = Issue({}, &vendor_);
  Holder device_ = Issue(
      {.name = kSelfId, .configuration_eku = false, .devices = {}, .operator_name = "", .dns = kSelfId}, &vendor_);
  std::unique_ptr<ProvisioningStore> store_;
};

TEST_F(Provisioning_R37, IsTakenAsAWholeAndComesBackAfterARestart) {
  Taken(Make(Data()));
  store_ = Open();
  ASSERT_TRUE(load_status_.ok()) << load_status_;
  const auto held = store_->current();
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->data.serial, 1U);
  EXPECT_EQ(held->data.operator_name, "operator.example");
  ASSERT_EQ(held->data.operator_roots.size(), 1U);
  EXPECT_EQ(held->data.operator_roots[0].der(), operator_.certificate.der());
  ASSERT_TRUE(held->data.enrolment.has_value());
  EXPECT_EQ(held->data.enrolment->recipient, "/O=Operator/CN=RA");
}

TEST_F(Provisioning_R37, R66CarriesTheEnrolmentSegsInOrder) {
  Taken(Make(Data()));
  const std::vector<EnrolmentSeg>& segs = store_->current()->data.segs;
  ASSERT_EQ(segs.size(), 2U);
  EXPECT_EQ(segs[0], (EnrolmentSeg{Ip("10.8.0.253"), Id("seg1.operator.example")}));
  EXPECT_EQ(segs[1], (EnrolmentSeg{std::nullopt, Id("seg2.operator.example")}));
}

TEST_F(Provisioning_R37, TamperedIsRefused) {
  std::string cms = Make(Data());
  cms[cms.find("10.8.0.253")] = '9';
  Refused(cms, "the signature does not hold");
}

TEST_F(Provisioning_R37, EveryFlippedBitIsRefusedOrReadsTheSame) {
  const std::string good = Make(Data(), true, Envelope());
  const auto wanted = store_->Judge(good);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x04);
    const auto judged = store_->Judge(bad);
    if (!judged.ok()) continue;
    EXPECT_EQ(judged->accepted->json, wanted->accepted->json) << "octet " << i;
    EXPECT_EQ(judged->accepted->credential, wanted->accepted->credential) << "octet " << i;
  }
}

TEST_F(Provisioning_R37, UnsignedOrAPolicyIsRefused) {
  Refused(Data().dump(), "not provisioning data");
  Refused("", "not provisioning data");
  const std::string json = CompleteProvisioning(Data().dump(), {}).value();
  Refused(SignPolicy(json, signer_.certificate, signer_.KeyPem(), {}).value(), "another type");
  Refused(EncryptFor(device_.certificate, common::SecretBytes::CopyOf(std::string_view(kSecret))).value(),
          "not provisioning data");
}

/// What was signed as a policy does not become provisioning data by another type beside it: the signed one counts.
TEST_F(Provisioning_R37, AnotherTypeBesideTheContentIsRefused) {
  const std::string policy = SignCms(CompleteProvisioning(Data().dump(), {}).value(), signer_);
  const auto* at = reinterpret_cast<const unsigned char*>(policy.data());
  CMS_ContentInfo* cms = d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(policy.size()));
  ASN1_OBJECT* type = OBJ_txt2obj(kOidProvisioningData, 1);
  ASSERT_EQ(CMS_set1_eContentType(cms, type), 1);
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(cms, &der);
  const std::string changed(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  ASN1_OBJECT_free(type);
  CMS_ContentInfo_free(cms);
  Refused(changed, "the signed content type is another one");
}

TEST_F(Provisioning_R37, ASignerWithoutTheRightIsRefused) {
  const Holder no_eku = Issue({.configuration_eku = false}, &vendor_);
  Refused(SignCms(Data().dump(), no_eku), "another type");
  const Holder other_root = MakeRoot("Vendor Root");
  const Holder stranger = Issue({}, &other_root);
  Refused(Make(Data(), true, "", &stranger), "no valid path to the vendor root");
  const Holder of_others = Issue({.devices = {"henb-z.site.example"}}, &vendor_);
  Refused(Make(Data(), true, "", &of_others), "may not configure");
  const Holder other_operator = Issue({.operator_name = "other.example"}, &vendor_);
  Refused(Make(Data(), true, "", &other_operator), "operator: ");
  const Holder over = Issue({.not_after = kNow - absl::Hours(1)}, &vendor_);
  Refused(Make(Data(), true, "", &over), "certificate has expired");
}

TEST_F(Provisioning_R37, AnotherDevicesIsRefused) {
  Json data = Data();
  data["device"] = "henb-b.site.example";
  const Holder both = Issue({.devices = {"*.site.example"}}, &vendor_);
  Refused(Make(data, true, "", &both), "device: ");
}

TEST_F(Provisioning_R37, PastItsDateIsRefused) {
  clock_.SetNow(absl::FromUnixSeconds(1'850'000'000));  // August 2028; the signer is good until 2030.
  Refused(Make(Data()), "not_after: ");
}

TEST_F(Provisioning_R37, WrongFieldsAreNamed) {
  const auto refused = [&](const Json& data, std::string_view why) {
    Refused(SignProvisioning(data.dump(), signer_.certificate, signer_.KeyPem(), {}, "").value(), why);
  };
  Json data = Data();
  data["enrolment_segs"][1]["address"] = "10.8.0";
  refused(data, "enrolment_segs[1].address: ");
  data = Data();
  data["enrolment"]["transport"] = "PIGEON";
  refused(data, "enrolment.transport: ");
  data = Data();
  data["operator_roots"] = {device_.certificate.pem()};
  refused(data, "operator_roots[0]: ");
  data = Data();
  data["colour"] = "red";
  refused(data, "colour: ");
  data = Data();
  data.erase("serial");
  refused(data, "serial: ");
  data = Data();
  data["policy"] = "!!";
  refused(data, "policy: ");
  data = Data();
  data["enrolment"]["credential"] = "MAC_SECRET";
  refused(data, "enrolment.credential: MAC_SECRET without a credential");
}

TEST_F(Provisioning_R37, AnOlderSerialIsRefusedAcrossRestartsAndTheSameIsUnchanged) {
  const std::string seventh = Make(Data(7));
  Taken(seventh);
  for (int restart = 0; restart < 2; ++restart) {
    Refused(Make(Data(6)), "serial: 6 is lower than 7");
    Json other = Data(7);
    other["not_after"] = "2028-02-01T00:00:00Z";
    Refused(Make(other), "with other content");
    const auto again = store_->Judge(seventh);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->unchanged);
    store_ = Open();
    ASSERT_TRUE(load_status_.ok()) << load_status_;
  }
  // Whatever happens to the file, serials do not go down.
  std::filesystem::remove(folder_ + "/provisioning.der");
  store_ = Open();
  EXPECT_EQ(store_->current(), nullptr);
  Refused(Make(Data(6)), "serial: 6 is lower than 7");
  Taken(Make(Data(8)));
}

TEST_F(Provisioning_R37, TheFirstOperatorStays) {
  Taken(Make(Data(1)));
  const Holder other = Issue({.operator_name = "other.example"}, &vendor_);
  Json data = Data(2);
  data["operator"] = "other.example";
  Refused(Make(data, true, "", &other), "not \"operator.example\"");
  store_ = Open();
  Refused(Make(data, true, "", &other), "not \"operator.example\"");
  store_ = Open("third.example");
  Refused(Make(Data(3)), "not \"third.example\"");
}

TEST_F(Provisioning_R37, PowerCutBetweenDataAndMark) {
  Taken(Make(Data(1)));
  const auto old_mark = common::ReadFile(folder_ + "/provisioning-mark.json").value();
  Taken(Make(Data(2)));
  ASSERT_TRUE(common::WriteFileAtomically(folder_ + "/provisioning-mark.json", old_mark).ok());
  store_ = Open();
  ASSERT_TRUE(load_status_.ok()) << load_status_;
  EXPECT_EQ(store_->current()->data.serial, 2U);
  Refused(Make(Data(1)), "serial: 1 is lower than 2");
}

TEST_F(Provisioning_R37, ADamagedFileIsToldAndNothingOfItIsUsed) {
  Taken(Make(Data(1)));
  ASSERT_TRUE(common::WriteFileAtomically(folder_ + "/provisioning.der", "garbage").ok());
  store_ = Open();
  EXPECT_FALSE(load_status_.ok());
  EXPECT_EQ(store_->current(), nullptr);
  Taken(Make(Data(1)));
}

TEST_F(Provisioning_R37, R36TheCredentialIsTheOneThatWasSignedAndIsNotLeftOut) {
  const std::string envelope = Envelope();
  const std::string good = Make(Data(), true, envelope);
  Refused(WithoutCredential(good).value(), "credential_sha256: the credential itself is missing");
  ProvisioningExtras extras;
  extras.credential = common::Sha256Digest::Of(envelope);
  const std::string json = CompleteProvisioning(Data().dump(), extras).value();
  Refused(SignProvisioning(json, signer_.certificate, signer_.KeyPem(), {}, Envelope()).value(),
          "not the one that was signed");
  Refused(SignProvisioning(CompleteProvisioning(Data().dump(), {}).value(), signer_.certificate, signer_.KeyPem(), {},
                           envelope)
              .value(),
          "not the one that was signed");
  Taken(good);
  EXPECT_EQ(store_->current()->credential, envelope);
}

TEST_F(Provisioning_R37, R36TheSecretIsNeverOnTheDiskInClearAndTheEnvelopeGoesWhenSpent) {
  const std::string envelope = Envelope();
  const std::string given = Make(Data(5), true, envelope);
  Taken(given);
  EXPECT_THAT(OnDisk(), HasSubstr(envelope));
  EXPECT_THAT(OnDisk(), Not(HasSubstr(kSecret)));
  ASSERT_TRUE(store_->Spend().ok());
  EXPECT_TRUE(store_->current()->credential.empty());
  EXPECT_THAT(OnDisk(), Not(HasSubstr(envelope)));
  for (int restart = 0; restart < 2; ++restart) {
    // The very file again brings nothing back, and what else it says stays in force.
    const auto again = store_->Judge(given);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->unchanged);
    ASSERT_TRUE(store_->Keep(*again).ok());
    EXPECT_TRUE(store_->current()->credential.empty());
    EXPECT_EQ(store_->current()->data.segs.size(), 2U);
    EXPECT_THAT(OnDisk(), Not(HasSubstr(envelope)));
    store_ = Open();
    ASSERT_TRUE(load_status_.ok()) << load_status_;
  }
  std::filesystem::remove(folder_ + "/provisioning.der");
  store_ = Open();
  const auto again = store_->Judge(given);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_TRUE(store_->Keep(*again).ok());
  EXPECT_TRUE(store_->current()->credential.empty());
  EXPECT_THAT(OnDisk(), Not(HasSubstr(envelope)));
  // A new one is a new one.
  const std::string next = Envelope();
  Taken(Make(Data(6), true, next));
  EXPECT_EQ(store_->current()->credential, next);
}

TEST_F(Provisioning_R37, R36PowerCutWhileSpending) {
  const std::string envelope = Envelope();
  Taken(Make(Data(5), true, envelope));
  const std::string before = OnDisk();
  ASSERT_TRUE(store_->Spend().ok());
  ASSERT_TRUE(common::WriteFileAtomically(folder_ + "/provisioning.der", before).ok());
  store_ = Open();
  ASSERT_TRUE(load_status_.ok()) << load_status_;
  EXPECT_TRUE(store_->current()->credential.empty());
  EXPECT_THAT(OnDisk(), Not(HasSubstr(envelope)));
}

TEST(MacSecret, R36IsLongEnoughAndPrintable) {
  const auto check = [](std::string_view text) { return CheckMacSecret(common::SecretBytes::CopyOf(text)).ok(); };
  EXPECT_TRUE(check(kSecret));
  EXPECT_FALSE(check("0123456789abcdef0123456789abcde"));
  EXPECT_FALSE(check(std::string(129, 'x')));
  EXPECT_FALSE(check("0123456789abcdef 0123456789abcdef"));
  EXPECT_FALSE(check(std::string(kSecret) + "\n"));
}

}  // namespace
}  // namespace henb::policy::test
