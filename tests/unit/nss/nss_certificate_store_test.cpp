// What only a real NSS database can show: certutil's view of it, other processes writing to it, passwords.
#include "henb-x2sec/nss/nss_certificate_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/file.h"
#include "tests/support/nss_database.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::nss {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using tests::KeyKind;
using tests::NssDatabase;
using tests::TestAuthority;

class NssCertificateStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<NssCertificateStore> Open() {
    auto opened = NssCertificateStore::Open(database_.path());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  NssDatabase database_;
  TestAuthority root_ = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
};

TEST_F(NssCertificateStoreTest, CertutilSeesRootsTrustedAsPlutoNeeds) {
  const auto store = Open();
  ASSERT_TRUE(store->ImportRoot(root_.certificate()).value());
  const std::string listing = database_.Certutil({"-L"});
  EXPECT_THAT(listing, ContainsRegex("Vendor 1 Root [0-9a-f]{8} +CT,,"));
}

TEST_F(NssCertificateStoreTest, CertutilSeesKeysUnderTheirCkaid) {
  const auto store = Open();
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kP384, KeyKind::kRsa2048}) {
    const auto credential = root_.IssueHenb("henb-a.example", kind);
    const std::string ckaid = store->ImportKey(tests::Pkcs8Of(credential.key.get()), credential.certificate).value();
    EXPECT_THAT(database_.Certutil({"-K"}), HasSubstr(ckaid));
    EXPECT_THAT(database_.Certutil({"-L"}), ContainsRegex("henb-a.example [0-9a-f]{8} +u,u,u"));
    ASSERT_TRUE(store->DeleteKey(ckaid).ok());
    EXPECT_THAT(database_.Certutil({"-K"}), Not(HasSubstr(ckaid)));
    EXPECT_THAT(database_.Certutil({"-L"}), Not(HasSubstr("henb-a.example")));
  }
}

TEST_F(NssCertificateStoreTest, AGeneratedKeyIsThereForOtherProcessesBeforeItHasACertificate) {
  const auto store = Open();
  const std::string ckaid = store->GenerateKey().value();
  EXPECT_THAT(database_.Certutil({"-K"}), HasSubstr(ckaid));
  ASSERT_TRUE(store->DeleteKey(ckaid).ok());
  EXPECT_THAT(database_.Certutil({"-K"}), Not(HasSubstr(ckaid)));
}

TEST_F(NssCertificateStoreTest, R34AGeneratedKeySignsAfterReopening) {
  std::string ckaid;
  {
    const auto store = Open();
    ckaid = store->GenerateKey().value();
  }
  const auto store = Open();
  EXPECT_TRUE(store->PublicKey(ckaid).ok());
  EXPECT_TRUE(store->Sign(ckaid, core::SignedDigest::kSha256, std::string(32, 'x')).ok());
}

TEST_F(NssCertificateStoreTest, SeesWhatAnotherProcessAddsAndDeletes) {
  const auto store = Open();
  const tests::TempDirectory files;
  const std::string pem = files.File("root.pem");
  ASSERT_TRUE(common::WriteFileAtomically(pem, root_.certificate().pem()).ok());
  EXPECT_THAT(store->Roots().value(), IsEmpty());
  database_.Certutil({"-A", "-n", "by hand", "-t", "CT,C,C", "-i", pem});
  EXPECT_THAT(store->Roots().value(), SizeIs(1));
  EXPECT_FALSE(store->ImportRoot(root_.certificate()).value()) << "trusted already, under another nickname";
  database_.Certutil({"-D", "-n", "by hand"});
  EXPECT_THAT(store->Roots().value(), IsEmpty());
  EXPECT_TRUE(store->ImportRoot(root_.certificate()).value());
}

TEST_F(NssCertificateStoreTest, TakesTheNicknameThatTheSubjectHasAlready) {
  const auto store = Open();
  const TestAuthority twin = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  const tests::TempDirectory files;
  const std::string pem = files.File("root.pem");
  ASSERT_TRUE(common::WriteFileAtomically(pem, root_.certificate().pem()).ok());
  database_.Certutil({"-A", "-n", "by hand", "-t", "CT,C,C", "-i", pem});
  ASSERT_TRUE(store->ImportRoot(twin.certificate()).value());
  EXPECT_THAT(store->Roots().value(), SizeIs(2));
}

TEST_F(NssCertificateStoreTest, TwoWritersAtOnceLoseNothing) {
  const auto store = Open();
  const tests::TempDirectory files;
  const TestAuthority theirs = TestAuthority::Root("/O=Other/CN=Their CA");
  std::vector<std::string> pems;
  constexpr int kEach = 8;
  for (int i = 0; i < kEach; ++i) {
    const TestAuthority root = TestAuthority::Root("/O=Other/CN=Root " + std::to_string(i));
    pems.push_back(files.File(std::to_string(i) + ".pem"));
    ASSERT_TRUE(common::WriteFileAtomically(pems.back(), root.certificate().pem()).ok());
  }
  std::thread other([&] {
    for (const std::string& pem : pems) database_.Certutil({"-A", "-n", pem, "-t", "CT,C,C", "-i", pem});
  });
  for (int i = 0; i < kEach; ++i) {
    const auto credential = root_.IssueHenb("henb-" + std::to_string(i) + ".example");
    const auto ckaid = store->ImportKey(tests::Pkcs8Of(credential.key.get()), credential.certificate);
    EXPECT_TRUE(ckaid.ok()) << ckaid.status();
  }
  other.join();
  EXPECT_THAT(store->Keys().value(), SizeIs(kEach));
  EXPECT_THAT(store->Roots().value(), SizeIs(kEach));
}

TEST_F(NssCertificateStoreTest, SaysWhereNoDatabaseIs) {
  const auto missing = NssCertificateStore::Open("/nonexistent/nss");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nonexistent/nss/cert9.db"));
  EXPECT_EQ(NssCertificateStore::Open("/tmp/o'x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(NssCertificateStoreTest, RefusesAWrongPassword) {
  const tests::TempDirectory files;
  const std::string empty = files.File("empty");
  const std::string secret = files.File("secret");
  ASSERT_TRUE(common::WriteFileAtomically(empty, "\n").ok());
  ASSERT_TRUE(common::WriteFileAtomically(secret, "planted-password\n").ok());
  database_.Certutil({"-W", "-f", empty, "-@", secret});
  const auto refused = NssCertificateStore::Open(database_.path());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied) << refused.status();
  const auto opened = NssCertificateStore::Open(database_.path(), common::SecretBytes::CopyOf("planted-password"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE((*opened)->GenerateKey().ok());
}

}  // namespace
}  // namespace henb::x2sec::nss
