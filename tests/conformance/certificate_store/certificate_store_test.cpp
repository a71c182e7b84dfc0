// One suite for every certificate and key store: the fake that other tests use behaves as NSS does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stores.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using x2sec::core::SignedDigest;

class CertificateStoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    ASSERT_NE(under_test_.certificates, nullptr);
  }
  x2sec::core::CertificateStore& store() { return *under_test_.certificates; }
  x2sec::core::DeviceKeyStore& keys() { return *under_test_.keys; }
  StoreUnderTest under_test_;
  TestAuthority root_ = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
};

TEST_P(CertificateStoreConformance, ImportRootAnswersTrueOnlyTheFirstTime) {
  EXPECT_EQ(store().ImportRoot(root_.certificate()).value(), true);
  EXPECT_EQ(store().ImportRoot(root_.certificate()).value(), false);
  const auto roots = store().Roots().value();
  ASSERT_THAT(roots, SizeIs(1));
  EXPECT_EQ(roots[0].der(), root_.certificate().der());
}

TEST_P(CertificateStoreConformance, R8TwoRootsOfOneNameAndDifferentKeysAreTwo) {
  const TestAuthority twin = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  EXPECT_TRUE(store().ImportRoot(root_.certificate()).value());
  EXPECT_TRUE(store().ImportRoot(twin.certificate()).value());
  EXPECT_THAT(store().Roots().value(), SizeIs(2));
}

TEST_P(CertificateStoreConformance, RefusesARootThatIsNoCa) {
  const auto leaf = root_.IssueHenb("henb-a.example");
  EXPECT_EQ(store().ImportRoot(leaf.certificate).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store().ImportIntermediate(leaf.certificate).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store().Roots().value(), IsEmpty());
}

TEST_P(CertificateStoreConformance, AnIntermediateIsNotARoot) {
  const TestAuthority sub = root_.Subordinate("/O=Vendor 1/CN=Sub");
  EXPECT_TRUE(store().ImportIntermediate(sub.certificate()).ok());
  EXPECT_TRUE(store().ImportIntermediate(sub.certificate()).ok());
  EXPECT_THAT(store().Roots().value(), IsEmpty());
  EXPECT_THAT(store().Keys().value(), IsEmpty());
}

TEST_P(CertificateStoreConformance, AnIntermediateIsTakenBackAndARootIsNotR40) {
  const TestAuthority sub = root_.Subordinate("/O=Vendor 1/CN=Sub");
  const TestAuthority twin = root_.Subordinate("/O=Vendor 1/CN=Sub");
  ASSERT_TRUE(store().ImportIntermediate(sub.certificate()).ok());
  ASSERT_TRUE(store().ImportIntermediate(twin.certificate()).ok());
  EXPECT_EQ(store().RemoveIntermediate(sub.certificate()).value(), true);
  EXPECT_EQ(store().RemoveIntermediate(sub.certificate()).value(), false) << "gone already is fine";
  EXPECT_EQ(store().RemoveIntermediate(twin.certificate()).value(), true) << "another of its name has stayed";
  ASSERT_TRUE(store().ImportRoot(root_.certificate()).ok());
  EXPECT_EQ(store().RemoveIntermediate(root_.certificate()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(store().Roots().value(), SizeIs(1));
}

TEST_P(CertificateStoreConformance, KeepsKeysOfEveryKindAndListsThemByCkaid) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kP384, KeyKind::kRsa2048}) {
    const auto credential = root_.IssueHenb("henb-a.example", kind);
    const auto ckaid = under_test_.put(credential);
    ASSERT_TRUE(ckaid.ok()) << ckaid.status();
    EXPECT_EQ(*ckaid, FakeCertificateStore::CkaidOf(credential.key.get()));
    const auto again = under_test_.put(credential);
    EXPECT_EQ(again.value(), *ckaid);
    const auto listed = store().Keys().value();
    ASSERT_THAT(listed, SizeIs(1));
    EXPECT_EQ(listed[0].ckaid, *ckaid);
    EXPECT_EQ(listed[0].certificate.der(), credential.certificate.der());
    ASSERT_TRUE(store().DeleteKey(*ckaid).ok());
    EXPECT_THAT(store().Keys().value(), IsEmpty());
    EXPECT_TRUE(store().DeleteKey(*ckaid).ok()) << "gone already is fine";
  }
}

TEST_P(CertificateStoreConformance, R33ATokenTakesNoKeyThatWasMadeElsewhere) {
  if (under_test_.takes_keys) GTEST_SKIP() << "not a token";
  const auto credential = root_.IssueHenb("henb-a.example");
  const auto refused = store().ImportKey(Pkcs8Of(credential.key.get()), credential.certificate);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(store().Keys().value(), IsEmpty());
}

TEST_P(CertificateStoreConformance, RefusesAKeyOfAnotherCertificate) {
  if (!under_test_.takes_keys) GTEST_SKIP() << "takes none";
  const auto credential = root_.IssueHenb("henb-a.example");
  const auto other = root_.IssueHenb("henb-a.example");
  const auto refused = store().ImportKey(Pkcs8Of(other.key.get()), credential.certificate);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  const auto garbage = store().ImportKey(common::SecretBytes::CopyOf("not a key"), credential.certificate);
  EXPECT_EQ(garbage.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store().Keys().value(), IsEmpty());
}

TEST_P(CertificateStoreConformance, ARenewedCertificateOfTheSameSubjectStandsBesideTheOldAndOutlivesIt) {
  const auto old_one = root_.IssueHenb("henb-a.example");
  const auto new_one = root_.IssueHenb("henb-a.example");
  const std::string old_ckaid = under_test_.put(old_one).value();
  const std::string new_ckaid = under_test_.put(new_one).value();
  ASSERT_NE(old_ckaid, new_ckaid);
  EXPECT_THAT(store().Keys().value(), SizeIs(2));
  ASSERT_TRUE(store().DeleteKey(old_ckaid).ok());
  const auto left = store().Keys().value();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].ckaid, new_ckaid);
  EXPECT_EQ(left[0].certificate.der(), new_one.certificate.der());
}

TEST_P(CertificateStoreConformance, R33AGeneratedKeySignsAndTakesItsCertificate) {
  const std::string ckaid = keys().GenerateKey().value();
  const std::string spki = keys().PublicKey(ckaid).value();
  const auto* at = reinterpret_cast<const unsigned char*>(spki.data());
  const OpensslPtr<EVP_PKEY> public_key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  ASSERT_NE(public_key, nullptr);
  EXPECT_EQ(ckaid, FakeCertificateStore::CkaidOf(public_key.get()));
  EXPECT_THAT(store().Keys().value(), IsEmpty()) << "a key without a certificate is not listed";

  const std::string digest(32, 'd');
  const std::string signature = keys().Sign(ckaid, SignedDigest::kSha256, digest).value();
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new(public_key.get(), nullptr),
                                                                        EVP_PKEY_CTX_free);
  ASSERT_EQ(EVP_PKEY_verify_init(ctx.get()), 1);
  EXPECT_EQ(EVP_PKEY_verify(ctx.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                            reinterpret_cast<const unsigned char*>(digest.data()), digest.size()),
            1);

  const common::Certificate certificate =
      root_.IssueFor({.subject = "/O=Op/CN=henb-a.example", .dns_names = {"henb-a.example"}}, public_key.get());
  EXPECT_EQ(keys().ImportCertificate(certificate).value(), ckaid);
  ASSERT_THAT(store().Keys().value(), SizeIs(1));
  EXPECT_TRUE(keys().DeleteKey(ckaid).ok());
  EXPECT_THAT(store().Keys().value(), IsEmpty());
  EXPECT_EQ(keys().PublicKey(ckaid).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(CertificateStoreConformance, AnImportedRsaKeySignsWithPkcs1) {
  const auto credential = root_.IssueHenb("henb-a.example", KeyKind::kRsa2048);
  const std::string ckaid = under_test_.put(credential).value();
  const std::string digest(48, 'd');
  const std::string signature = keys().Sign(ckaid, SignedDigest::kSha384, digest).value();
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new(credential.key.get(), nullptr),
                                                                        EVP_PKEY_CTX_free);
  ASSERT_EQ(EVP_PKEY_verify_init(ctx.get()), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_signature_md(ctx.get(), EVP_sha384()), 1);
  EXPECT_EQ(EVP_PKEY_verify(ctx.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                            reinterpret_cast<const unsigned char*>(digest.data()), digest.size()),
            1);
}

TEST_P(CertificateStoreConformance, RefusesToSignWrongLengthsAndUnknownKeys) {
  const std::string ckaid = keys().GenerateKey().value();
  EXPECT_EQ(keys().Sign(ckaid, SignedDigest::kSha256, "short").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(keys().Sign(std::string(40, '0'), SignedDigest::kSha256, std::string(32, 'd')).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(CertificateStoreConformance, R34TellsKeysThatHaveNoCertificate) {
  const auto credential = root_.IssueHenb("henb-a.example");
  ASSERT_TRUE(under_test_.put(credential).ok());
  EXPECT_THAT(keys().KeysWithoutCertificate().value(), IsEmpty());
  const std::string one = keys().GenerateKey().value();
  const std::string other = keys().GenerateKey().value();
  EXPECT_THAT(keys().KeysWithoutCertificate().value(), UnorderedElementsAre(one, other));
  ASSERT_TRUE(keys().DeleteKey(one).ok());
  EXPECT_THAT(keys().KeysWithoutCertificate().value(), UnorderedElementsAre(other));
}

TEST_P(CertificateStoreConformance, AnImportedKeyTakesItsCertificateAgain) {
  const auto credential = root_.IssueHenb("henb-a.example");
  const std::string ckaid = under_test_.put(credential).value();
  EXPECT_EQ(store().ImportCertificate(credential.certificate).value(), ckaid);
  EXPECT_THAT(store().Keys().value(), SizeIs(1));
}

TEST_P(CertificateStoreConformance, RefusesACertificateWithoutItsKey) {
  const auto credential = root_.IssueHenb("henb-a.example");
  EXPECT_EQ(keys().ImportCertificate(credential.certificate).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(store().Keys().value(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Stores, CertificateStoreConformance, ::testing::ValuesIn(AllStores()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace henb::tests
