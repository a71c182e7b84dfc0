// R37: what was encrypted to the vendor key is opened by it, in a real NSS database, and by no other.
#include "henb-x2sec/enrol/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/device_key/store_backed_key.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "policy/envelope.h"
#include "tests/support/nss_database.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::enrol {
namespace {

using device_key::CkaidOf;

using ::testing::HasSubstr;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

class Envelope_R37 : public ::testing::TestWithParam<tests::KeyKind> {
 protected:
  void SetUp() override { ASSERT_TRUE(store_->ImportKey(tests::Pkcs8Of(device_.key.get()), device_.certificate).ok()); }
  static std::string Seal(const common::Certificate& device) {
    return policy::EncryptFor(device, common::SecretBytes::CopyOf(kSecret)).value();
  }
  absl::StatusOr<common::SecretBytes> Open(std::string_view der, const tests::TestCredential& device) {
    return OpenEnvelope(der, device.certificate, CkaidOf(device.certificate).value(), *store_);
  }
  void Refused(std::string_view der, std::string_view why) {
    const auto opened = Open(der, device_);
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kInvalidArgument) << opened.status();
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr(std::string(why)));
  }

  tests::NssDatabase database_;
  std::unique_ptr<nss::NssCertificateStore> store_ = nss::NssCertificateStore::Open(database_.path()).value();
  tests::TestAuthority vendor_ = tests::TestAuthority::Root("/O=Vendor/CN=Root");
  tests::TestCredential device_ = vendor_.IssueHenb("henb-a.example", GetParam());
};

TEST_P(Envelope_R37, OpensInTheNssDatabase) {
  const auto opened = Open(Seal(device_.certificate), device_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->view(), kSecret);
}

TEST_P(Envelope_R37, AnotherDevicesIsRefused) {
  const tests::TestCredential other = vendor_.IssueHenb("henb-b.example", GetParam());
  Refused(Seal(other.certificate), "is for another device");
  // Under the same name and serial, but another key.
  tests::TestCredential twin = device_;
  twin.key = vendor_.IssueHenb("henb-a.example", GetParam()).key;
  ASSERT_TRUE(store_->DeleteKey(CkaidOf(device_.certificate).value()).ok());
  const auto opened = Open(Seal(device_.certificate), device_);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kNotFound) << opened.status();
}

TEST_P(Envelope_R37, EveryFlippedBitIsRefused) {
  const std::string good = Seal(device_.certificate);
  const std::size_t step = GetParam() == tests::KeyKind::kRsa2048 ? 7 : 1;
  for (std::size_t i = 0; i < good.size(); i += step) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x01);
    EXPECT_FALSE(Open(bad, device_).ok()) << "octet " << i;
  }
  Refused(good + "x", "is followed by more");
  Refused(good.substr(0, good.size() - 1), "");
  Refused("", "");
}

TEST_P(Envelope_R37, AKeyOfAnotherKindIsRefused) {
  const bool rsa = GetParam() == tests::KeyKind::kRsa2048;
  const std::string ckaid = CkaidOf(device_.certificate).value();
  const auto wrong =
      rsa ? store_->Agree(ckaid, std::string(65, '\x04')) : store_->DecryptOaep(ckaid, std::string(256, 'x'));
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument) << wrong.status();
}

INSTANTIATE_TEST_SUITE_P(Keys, Envelope_R37,
                         ::testing::Values(tests::KeyKind::kP256, tests::KeyKind::kP384, tests::KeyKind::kRsa2048));

}  // namespace
}  // namespace henb::x2sec::enrol
