// What a key does where it is kept, through OpenSSL (device_key), on every store: what CMP, CMS and TLS need of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/rsa.h>

#include "common/status.h"
#include "henb-x2sec/device_key/store_backed_key.h"
#include "stores.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using x2sec::core::RsaUse;
using x2sec::device_key::EvpKey;
using CtxPtr = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, decltype(&CMS_ContentInfo_free)>;
using MdPtr = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

class KeyUse : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    ASSERT_NE(under_test_.certificates, nullptr);
  }
  x2sec::core::DeviceKeyStore& keys() { return *under_test_.keys; }
  /// A key in the store, its certificate, and the key as OpenSSL has it.
  struct Held {
    TestCredential credential;
    std::string ckaid;
    EvpKey key;
  };
  Held Hold(KeyKind kind) {
    Held out{.credential = root_.IssueHenb("henb-a.example", kind), .ckaid = {}, .key = {}};
    out.ckaid = under_test_.put(out.credential).value();
    out.key = x2sec::device_key::MakeStoreBackedKey(keys(), out.ckaid).value();
    return out;
  }
  /// As x2policy encrypts for a device: RSAES-OAEP or ECDH, AES-256-GCM.
  static CmsPtr Encrypt(const TestCredential& to, const std::string& text) {
    const OpensslPtr<BIO> in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    CmsPtr cms(CMS_AuthEnvelopedData_create(EVP_aes_256_gcm()), CMS_ContentInfo_free);
    CMS_set_detached(cms.get(), 0);
    CMS_RecipientInfo* recipient = CMS_add1_recipient(cms.get(), to.certificate.get(), nullptr, nullptr, CMS_KEY_PARAM);
    EXPECT_NE(recipient, nullptr);
    EVP_PKEY_CTX* ctx = CMS_RecipientInfo_get0_pkey_ctx(recipient);
    if (EVP_PKEY_is_a(to.key.get(), "RSA") == 1) {
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
    }
    EXPECT_EQ(CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY), 1) << common::DrainOpensslErrors();
    const OpensslPtr<BIO> wire(BIO_new(BIO_s_mem()));
    EXPECT_EQ(i2d_CMS_bio(wire.get(), cms.get()), 1);
    return {d2i_CMS_bio(wire.get(), nullptr), CMS_ContentInfo_free};
  }
  static std::string Decrypt(CMS_ContentInfo* cms, const Held& with) {
    const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
    if (CMS_decrypt(cms, with.key.get(), with.credential.certificate.get(), nullptr, out.get(), CMS_BINARY) != 1)
      return common::StrCat("refused: ", common::DrainOpensslErrors());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }

  StoreUnderTest under_test_;
  TestAuthority root_ = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
};

TEST_P(KeyUse, R33SignsAsTls13DoesWithEitherKindOfKey) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kRsa2048}) {
    const Held held = Hold(kind);
    const std::string text = "what was said in the handshake";
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::string signature(512, '\0');
    std::size_t size = signature.size();
    auto* made = reinterpret_cast<unsigned char*>(signature.data());
    for (EVP_PKEY* key : {held.key.get(), held.credential.key.get()}) {  // signed by one, verified by the other
      const bool signing = key == held.key.get();
      const MdPtr md(EVP_MD_CTX_new(), EVP_MD_CTX_free);
      EVP_PKEY_CTX* ctx = nullptr;
      const auto init = signing ? EVP_DigestSignInit : EVP_DigestVerifyInit;
      ASSERT_EQ(init(md.get(), &ctx, EVP_sha256(), nullptr, key), 1) << common::DrainOpensslErrors();
      if (kind == KeyKind::kRsa2048) {
        ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
      }
      ASSERT_EQ(signing ? EVP_DigestSign(md.get(), made, &size, bytes, text.size())
                        : EVP_DigestVerify(md.get(), made, size, bytes, text.size()),
                1)
          << common::DrainOpensslErrors();
    }
  }
}

TEST_P(KeyUse, R37DecryptsWhatIsEncryptedToTheDevice) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kRsa2048}) {
    const Held held = Hold(kind);
    const Held other = Hold(kind);
    const CmsPtr cms = Encrypt(held.credential, "reference and secret");
    EXPECT_EQ(Decrypt(cms.get(), held), "reference and secret");
    EXPECT_THAT(Decrypt(cms.get(), other), ::testing::StartsWith("refused: "));
  }
}

TEST_P(KeyUse, AgreesOnTheSameSecretFromBothSides) {
  const Held one = Hold(KeyKind::kP256);
  const Held two = Hold(KeyKind::kP256);
  const auto point = [](EVP_PKEY* key) {
    unsigned char* encoded = nullptr;
    const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
    std::string out(reinterpret_cast<char*>(encoded), size);
    OPENSSL_free(encoded);
    return out;
  };
  const auto a = keys().Agree(one.ckaid, point(two.credential.key.get()));
  const auto b = keys().Agree(two.ckaid, point(one.credential.key.get()));
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(a->size(), 32U);
  EXPECT_TRUE(common::ConstantTimeEquals(*a, *b));
  EXPECT_FALSE(keys().Agree(one.ckaid, std::string(65, '\4')).ok()) << "not on the curve";
  EXPECT_EQ(keys().Agree(one.ckaid, "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(KeyUse, RefusesTheOtherKindsOperationWrongLengthsAndUnknownKeys) {
  const Held ec = Hold(KeyKind::kP256);
  const Held rsa = Hold(KeyKind::kRsa2048);
  using enum absl::StatusCode;
  EXPECT_EQ(keys().RsaPrivate(ec.ckaid, RsaUse::kSign, std::string(256, '\1')).status().code(), kInvalidArgument);
  EXPECT_EQ(keys().RsaPrivate(rsa.ckaid, RsaUse::kSign, std::string(255, '\1')).status().code(), kInvalidArgument);
  EXPECT_EQ(keys().Agree(rsa.ckaid, std::string(65, '\4')).status().code(), kInvalidArgument);
  const std::string nobody(40, '0');
  EXPECT_EQ(keys().RsaPrivate(nobody, RsaUse::kDecrypt, std::string(256, '\1')).status().code(), kNotFound);
  EXPECT_EQ(keys().Agree(nobody, std::string(65, '\4')).status().code(), kNotFound);
}

TEST_P(KeyUse, NeverDecryptsPkcs1v15) {
  const Held held = Hold(KeyKind::kRsa2048);
  const CtxPtr ctx(EVP_PKEY_CTX_new(held.key.get(), nullptr), EVP_PKEY_CTX_free);
  ASSERT_EQ(EVP_PKEY_decrypt_init(ctx.get()), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PADDING), 1);
  std::string in(256, '\1');
  std::string out(256, '\0');
  std::size_t size = out.size();
  EXPECT_NE(EVP_PKEY_decrypt(ctx.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                             reinterpret_cast<unsigned char*>(in.data()), in.size()),
            1);
  (void)common::DrainOpensslErrors();
}

INSTANTIATE_TEST_SUITE_P(Stores, KeyUse, ::testing::ValuesIn(AllStores()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace henb::tests
