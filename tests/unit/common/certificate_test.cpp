#include "common/certificate.h"

#include <gtest/gtest.h>

#include "tests/support/test_pki.h"

namespace henb::common {
namespace {

using tests::CertificateSpec;
using tests::TestAuthority;

class CertificateTest : public testing::Test {
 protected:
  static Certificate WithNames(std::vector<std::string> names) {
    CertificateSpec spec;
    spec.subject = "/O=Vendor/CN=henb-z.example";
    spec.dns_names = std::move(names);
    return Root().Issue(spec).certificate;
  }
  static const TestAuthority& Root() {
    static const TestAuthority kRoot = TestAuthority::Root("/O=Vendor/CN=Root");
    return kRoot;
  }
};

TEST_F(CertificateTest, IdentityIsTheOneDnsName) {
  const auto id = WithNames({"henb-a.example"}).Identity();
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(id->str(), "henb-a.example");
}

TEST_F(CertificateTest, NoneOrSeveralDnsNamesAreNoIdentityAndCnIsNone) {
  EXPECT_FALSE(WithNames({}).Identity().ok());
  EXPECT_FALSE(WithNames({"henb-a.example", "henb-b.example"}).Identity().ok());
  EXPECT_FALSE(WithNames({"henb-a.example", "henb-a.example"}).Identity().ok());
  EXPECT_FALSE(WithNames({"*.example"}).Identity().ok());
  EXPECT_FALSE(WithNames({"HENB-A.example"}).Identity().ok());
}

TEST_F(CertificateTest, R8SpkiTellsKeysApartNotNames) {
  const TestAuthority twin = TestAuthority::Root("/O=Vendor/CN=Root");
  EXPECT_EQ(twin.certificate().subject(), Root().certificate().subject());
  EXPECT_NE(twin.certificate().spki(), Root().certificate().spki());
  EXPECT_EQ(Root().certificate().spki(), Certificate::FromDer(Root().certificate().der())->spki());
}

TEST_F(CertificateTest, RoundTripsThroughDerAndPem) {
  const Certificate one = WithNames({"henb-a.example"});
  EXPECT_EQ(Certificate::FromDer(one.der())->der(), one.der());
  EXPECT_EQ(Certificate::FromPem(one.pem())->der(), one.der());
  EXPECT_EQ(Certificate::FromX509(one.get()).der(), one.der());
  EXPECT_FALSE(one.is_self_issued());
  EXPECT_TRUE(Root().certificate().is_self_issued());
  EXPECT_LT(one.not_before(), one.not_after());
  EXPECT_FALSE(one.serial_hex().empty());
}

TEST_F(CertificateTest, RefusesWhatIsNotExactlyOneCertificate) {
  const std::string der = Root().certificate().der();
  EXPECT_FALSE(Certificate::FromDer("").ok());
  EXPECT_FALSE(Certificate::FromDer("junk").ok());
  EXPECT_FALSE(Certificate::FromDer(der + "x").ok());
  EXPECT_FALSE(Certificate::FromDer(der.substr(0, der.size() - 1)).ok());
  EXPECT_FALSE(Certificate::FromPem("").ok());
}

TEST_F(CertificateTest, AChainKeepsItsOrderAndHidesNoBrokenOne) {
  const Certificate leaf = WithNames({"henb-a.example"});
  const std::string pem = leaf.pem() + Root().certificate().pem();
  const auto chain = Certificate::ChainFromPem(pem);
  ASSERT_TRUE(chain.ok()) << chain.status();
  ASSERT_EQ(chain->size(), 2U);
  EXPECT_EQ((*chain)[0].der(), leaf.der());
  EXPECT_EQ((*chain)[1].der(), Root().certificate().der());
  std::string broken = pem;
  broken[leaf.pem().size() + 100] = '!';
  EXPECT_EQ(Certificate::ChainFromPem(broken).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Certificate::ChainFromPem("a comment\n" + pem + "trailing text\n").ok());
}

}  // namespace
}  // namespace henb::common
