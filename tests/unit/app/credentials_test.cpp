#include "henb-x2sec/app/credentials/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/file.h"
#include "device_files.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;

class CredentialsTest : public ::testing::Test {
 protected:
  absl::StatusOr<Credentials> Load() { return Credentials::Load(device.config, store); }
  void ExpectRefused(const std::string& file, const std::string& why) {
    const auto loaded = Load();
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument) << loaded.status();
    EXPECT_THAT(loaded.status().ToString(), HasSubstr(file));
    EXPECT_THAT(loaded.status().ToString(), HasSubstr(why));
  }
  absl::StatusOr<Credential> Enrol(const std::string& name = "henb-a.example") {
    const tests::TestCredential issued = device.operator_root.IssueHenb(name);
    return Credentials::InstallEnrolled(device.config, store,
                                        {.certificate = issued.certificate,
                                         .intermediates = {},
                                         .anchor = device.operator_root.certificate(),
                                         .private_key_pkcs8 = tests::Pkcs8Of(issued.key.get()),
                                         .ckaid = ""});
  }
  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
};

TEST_F(CredentialsTest, LoadsAndImports) {
  auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->vendor().intermediates.size(), 1U);
  EXPECT_EQ(loaded->vendor().anchor.spki(), device.vendor_root.certificate().spki());
  EXPECT_FALSE(loaded->vendor().rsa);
  EXPECT_FALSE(loaded->operator_credential());
  const auto new_root = loaded->ImportInto(store);
  ASSERT_TRUE(new_root.ok()) << new_root.status();
  EXPECT_TRUE(*new_root);
  EXPECT_EQ(loaded->vendor().ckaid.size(), 40U);
  EXPECT_EQ(store.Roots()->size(), 2U);
  EXPECT_EQ(store.Keys()->size(), 1U);
  EXPECT_FALSE(*loaded->ImportInto(store)) << "nothing is new the second time";
  EXPECT_EQ(loaded->SubjectOf(device.operator_root.certificate().spki()), device.operator_root.certificate().subject());
  EXPECT_EQ(loaded->SubjectOf(common::SpkiHash()), "");
}

TEST_F(CredentialsTest, AnRsaKeyIsKnownAsSuch) {
  device.WriteVendor({.subject = "/CN=a", .dns_names = {"henb-a.example"}}, tests::KeyKind::kRsa2048);
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->vendor().rsa);
}

TEST_F(CredentialsTest, RefusesAnotherNameAndSeveralNames) {
  device.WriteVendor({.subject = "/CN=x", .dns_names = {"henb-x.example"}});
  ExpectRefused("vendor.pem", "names henb-x.example, device.id is henb-a.example");
  device.WriteVendor({.subject = "/CN=x", .dns_names = {"henb-a.example", "henb-x.example"}});
  ExpectRefused("vendor.pem", "2 dNSNames");
  device.WriteVendor({.subject = "/CN=henb-a.example", .dns_names = {}});
  ExpectRefused("vendor.pem", "0 dNSNames");
}

TEST_F(CredentialsTest, RefusesAPathToAnotherRoot) {
  const tests::TestAuthority other = tests::TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 root");
  ASSERT_TRUE(common::WriteFileAtomically(device.config.vendor_root, other.certificate().pem()).ok());
  ExpectRefused("vendor.pem", "no path to the root");
}

TEST_F(CredentialsTest, R31RefusesSha1) {
  device.WriteVendor({.subject = "/CN=a", .dns_names = {"henb-a.example"}, .digest = "SHA1"});
  ExpectRefused("vendor.pem", "no path to the root");
}

TEST_F(CredentialsTest, StartsWithAnExpiredOrFutureCertificate) {
  device.WriteVendor(
      {.subject = "/CN=a", .dns_names = {"henb-a.example"}, .not_after = absl::FromUnixSeconds(1'600'000'000)});
  EXPECT_TRUE(Load().ok()) << Load().status();
  device.WriteVendor(
      {.subject = "/CN=a", .dns_names = {"henb-a.example"}, .not_before = absl::FromUnixSeconds(2'500'000'000)});
  EXPECT_TRUE(Load().ok()) << Load().status();
}

TEST_F(CredentialsTest, RefusesAKeyThatOthersMayReadThatIsNotItsOwnOrIsNoKey) {
  ASSERT_EQ(chmod(device.config.vendor_key.c_str(), 0640), 0);
  ExpectRefused("vendor.key", "0600");
  ASSERT_TRUE(common::WriteFileAtomically(device.config.vendor_key, tests::PemOf(tests::NewKey().get())).ok());
  ExpectRefused("vendor.key", "not that of the certificate");
  ASSERT_TRUE(common::WriteFileAtomically(device.config.vendor_key, "nonsense").ok());
  ExpectRefused("vendor.key", "not an unencrypted private key");
  device.config.vendor_key = device.directory.File("none.key");
  ExpectRefused("none.key", "No such file");
}

TEST_F(CredentialsTest, RefusesRootsThatAreNone) {
  ASSERT_TRUE(common::WriteFileAtomically(*device.config.operator_root, device.vendor.certificate.pem()).ok());
  ExpectRefused("operator-root.pem", "is not a root certificate");
  ASSERT_TRUE(common::WriteFileAtomically(*device.config.operator_root, "").ok());
  ExpectRefused("operator-root.pem", "no PEM certificate");
}

TEST_F(CredentialsTest, AnEnrolledCertificateSurvivesARestart) {
  const auto enrolled = Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_TRUE(loaded->operator_credential());
  EXPECT_EQ(loaded->operator_credential()->ckaid, enrolled->ckaid);
  EXPECT_EQ(loaded->operator_credential()->certificate.der(), enrolled->certificate.der());
  EXPECT_EQ(loaded->operator_credential()->anchor.spki(), device.operator_root.certificate().spki());
  EXPECT_TRUE(loaded->Enrolled(absl::FromUnixSeconds(1'800'000'000)));
  EXPECT_FALSE(loaded->Enrolled(absl::FromUnixSeconds(2'900'000'000)));
}

TEST_F(CredentialsTest, AnEnrolledCertificateWithoutItsKeyIsLeftAside) {
  const auto enrolled = Enrol();
  ASSERT_TRUE(enrolled.ok());
  ASSERT_TRUE(store.DeleteKey(enrolled->ckaid).ok());
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_FALSE(loaded->operator_credential());
}

TEST_F(CredentialsTest, AnEnrolledCertificateOfAnotherNameOrRootIsLeftAside) {
  ASSERT_TRUE(Enrol("henb-b.example").ok());
  EXPECT_FALSE(Load()->operator_credential());
  ASSERT_TRUE(Enrol().ok());
  EXPECT_TRUE(Load()->operator_credential());
  const tests::TestAuthority other = tests::TestAuthority::Root("/O=Op/CN=Another");
  ASSERT_TRUE(common::WriteFileAtomically(*device.config.operator_root, other.certificate().pem()).ok());
  EXPECT_FALSE(Load()->operator_credential());
}

TEST_F(CredentialsTest, AKeyThatWasMadeInTheStoreIsFoundThere) {
  const std::string ckaid = *store.GenerateKey();
  const std::string spki = *store.PublicKey(ckaid);
  const auto* at = reinterpret_cast<const unsigned char*>(spki.data());
  const tests::OpensslPtr<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  const common::Certificate certificate =
      device.operator_root.IssueFor({.subject = "/CN=a", .dns_names = {"henb-a.example"}}, key.get());
  const auto install = [&](const std::string& named) {
    return Credentials::InstallEnrolled(device.config, store,
                                        {.certificate = certificate,
                                         .intermediates = {},
                                         .anchor = device.operator_root.certificate(),
                                         .private_key_pkcs8 = {},
                                         .ckaid = named});
  };
  EXPECT_FALSE(install("").ok());
  ASSERT_TRUE(store.ImportCertificate(certificate).ok());
  EXPECT_FALSE(install("0123").ok());
  const auto installed = install(ckaid);
  ASSERT_TRUE(installed.ok()) << installed.status();
  EXPECT_EQ(installed->ckaid, ckaid);
}

TEST_F(CredentialsTest, R61ARootThatEnrolmentTookIsRememberedWithItsOrigin) {
  device.config.operator_root.reset();
  auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->operator_roots().empty());
  const tests::TestCredential issued = device.operator_root.IssueHenb("henb-a.example");
  const auto installed = Credentials::InstallEnrolled(device.config, store,
                                                      {.certificate = issued.certificate,
                                                       .intermediates = {},
                                                       .anchor = device.operator_root.certificate(),
                                                       .anchor_source = core::RootSource::kLateBinding,
                                                       .private_key_pkcs8 = tests::Pkcs8Of(issued.key.get()),
                                                       .ckaid = ""});
  ASSERT_TRUE(installed.ok()) << installed.status();
  EXPECT_EQ(store.Roots()->size(), 1U) << "the anchor of the neighbours' certificates";
  loaded->Adopt(*installed);
  const auto restarted = Load();
  ASSERT_TRUE(restarted.ok()) << restarted.status();
  for (const Credentials* each : std::vector<const Credentials*>{&*loaded, &*restarted}) {
    ASSERT_EQ(each->known_roots().size(), 1U);
    EXPECT_EQ(each->known_roots()[0].origin, "LATE_BINDING");
    EXPECT_EQ(each->operator_roots().at(0).der(), device.operator_root.certificate().der());
    EXPECT_TRUE(each->operator_credential());
  }
}

TEST_F(CredentialsTest, UnreadableLearnedRootsAreLeftAside) {
  ASSERT_TRUE(common::WriteFileAtomically(device.config.state_dir + "/operator-roots.json", "[{}]").ok());
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->operator_roots().size(), 1U);
}

}  // namespace
}  // namespace henb::x2sec::app
