// What may be wrong with a token, and that its keys stay in it (R33).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/nss_database.h"
#include "tests/support/soft_token.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using x2sec::core::SignedDigest;
using x2sec::nss::NssCertificateStore;
using x2sec::nss::TokenSettings;

constexpr unsigned long kValue = 0x11;             // CKA_VALUE: the EC private value
constexpr unsigned long kPrivateExponent = 0x123;  // CKA_PRIVATE_EXPONENT

class TokenTest : public ::testing::Test {
 protected:
  std::unique_ptr<NssCertificateStore> Open(TokenSettings settings) {
    return NssCertificateStore::Open(database_.path(), {}, std::move(settings)).value();
  }
  void ExpectRefused(NssCertificateStore& store, const std::string& why) {
    const auto refused = [&](const absl::Status& status) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    };
    refused(store.Keys().status());
    refused(store.GenerateKey().status());
    refused(store.ImportCertificate(credential_.certificate).status());
    refused(store.Sign(std::string(40, '0'), SignedDigest::kSha256, std::string(32, 'd')).status());
    refused(store.DeleteKey(std::string(40, '0')));
  }

  NssDatabase database_;
  SoftToken token_;
  TestAuthority root_ = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  TestCredential credential_ = root_.IssueHenb("henb-a.example");
};

TEST_F(TokenTest, R33SaysThatTheModuleIsMissingOrIsNone) {
  TokenSettings settings = token_.Settings();
  settings.module = "/usr/lib/no-such-module.so";
  ExpectRefused(*Open(settings), "/usr/lib/no-such-module.so is not there");
  settings.module = "/etc/passwd";
  ExpectRefused(*Open(settings), "is no PKCS#11 module that works");
}

TEST_F(TokenTest, R33SaysThatTheTokenIsMissingAndWhichThereAre) {
  TokenSettings settings = token_.Settings();
  settings.label = "another";
  const auto store = Open(settings);
  ExpectRefused(*store, "token \"another\" is not there");
  ExpectRefused(*store, token_.label());
}

TEST_F(TokenTest, R33AWrongPinIsSaidAndNotTriedAgainBeforeItIsAnother) {
  TokenSettings settings = token_.Settings();
  std::string pin = "0815";
  settings.pin = [&pin]() -> absl::StatusOr<common::SecretBytes> {
    if (pin.empty()) return absl::NotFoundError("/etc/pin: no such file");
    return common::SecretBytes::CopyOf(std::string_view(pin));
  };
  const auto store = Open(settings);
  EXPECT_THAT(std::string(store->Keys().status().message()), HasSubstr("refuses the PIN"));
  ExpectRefused(*store, "not tried again");
  pin = "";
  ExpectRefused(*store, "/etc/pin: no such file");
  pin = SoftToken::kPin;
  EXPECT_TRUE(store->Keys().ok()) << store->Keys().status();
  EXPECT_THAT(store->Keys().status().ToString(), ::testing::Not(HasSubstr("0815")));
}

TEST_F(TokenTest, R33NoKeyLeavesTheToken) {
  const auto store = Open(token_.Settings());
  const std::string made = store->GenerateKey().value();
  EXPECT_FALSE(token_.GivesAway(made, kValue));
  token_.Import(credential_.key.get());
  const std::string vendor = store->ImportCertificate(credential_.certificate).value();
  EXPECT_FALSE(token_.GivesAway(vendor, kValue));
  const auto rsa = root_.IssueHenb("henb-a.example", KeyKind::kRsa2048);
  token_.Import(rsa.key.get());
  EXPECT_FALSE(token_.GivesAway(store->ImportCertificate(rsa.certificate).value(), kPrivateExponent));
  EXPECT_THAT(database_.Certutil({"-K"}), HasSubstr("no keys found")) << "nothing in the database";
}

TEST_F(TokenTest, AKeyThatPlutoWouldNotFindIsRefusedWithWhatToDo) {
  token_.Import(credential_.key.get(), "01");
  const auto store = Open(token_.Settings());
  const auto refused = store->ImportCertificate(credential_.certificate).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has the CKA_ID 01, and must have "));
  EXPECT_THAT(store->Keys().value(), IsEmpty()) << "no certificate beside it either";
}

TEST_F(TokenTest, KeysOfOthersAreNoneMadeInVain) {
  token_.Import(credential_.key.get());
  const auto store = Open(token_.Settings());
  const std::string made = store->GenerateKey().value();
  EXPECT_THAT(store->KeysWithoutCertificate().value(), ::testing::UnorderedElementsAre(made));
}

TEST_F(TokenTest, R58AKeyIsGoneWithItsToken) {
  token_.Import(credential_.key.get());
  const auto store = Open(token_.Settings());
  const std::string ckaid = store->ImportCertificate(credential_.certificate).value();
  ASSERT_THAT(store->Keys().value(), SizeIs(1));
  token_.TakeAway();  // for good: SoftHSM's module does not see it come back in the same process
  for (int look = 0; look < 3; ++look) {
    const auto away = store->Keys();
    EXPECT_TRUE(!away.ok() || away->empty()) << look;
    EXPECT_FALSE(store->Sign(ckaid, SignedDigest::kSha256, std::string(32, 'd')).ok()) << look;
  }
}

TEST_F(TokenTest, AnotherStoreOfTheSameTokenSeesTheKeysAndARestartFindsThem) {
  std::string ckaid;
  {
    const auto first = Open(token_.Settings());
    ckaid = first->GenerateKey().value();
  }
  const auto second = Open(token_.Settings());
  EXPECT_TRUE(second->PublicKey(ckaid).ok());
  EXPECT_TRUE(second->DeleteKey(ckaid).ok());
  EXPECT_THAT(second->KeysWithoutCertificate().value(), IsEmpty());
}

}  // namespace
}  // namespace henb::tests
