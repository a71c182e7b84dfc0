// R43: client certificates that their authority has revoked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/file.h"
#include "common/revocation/certificate_list.h"
#include "common/revocation/issuer_id.h"
#include "common/strings.h"
#include "keydist-server/rpc/peer_verifier.h"
#include "tests/support/revocation_builder.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;
using tests::ListSpec;

std::string SerialOf(const Identity& identity) { return common::SerialOf(identity.certificate()); }

ListSpec Now(std::vector<std::string> revoked, int number) {
  return {.revoked = std::move(revoked),
          .this_update = absl::Now() - absl::Minutes(1),
          .next_update = absl::Now() + absl::Hours(1),
          .number = number};
}

class ClientListsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Publish(server.vendor_one, Now({}, 1));
    server.config.client_crls = {server.folder.path() + "/one.crl"};
    server.Start();
  }
  void Publish(const TestCa& issuer, const ListSpec& spec, const std::string& file = "one.crl") {
    server.folder.Write(file, *tests::BuildList(spec, issuer.certificate(), issuer.key()));
  }
  absl::Status Reload() { return server.program->Reload(server.config); }
  static absl::StatusCode Code(x2sec::keydist_client::KeyServiceClient& client) {
    return client.GetPairKeys({Id("d.example")}).status().code();
  }
  std::string Health() {
    std::string output;
    EXPECT_EQ(server.Ctl({"status"}, &output), 0);
    return output;
  }
  TestServer server;
};

TEST_F(ClientListsTest, R43ARevokedCertificateIsRefusedAtTheNextCall) {
  const Identity first = server.vendor_one.Issue("a.example");
  const auto a = server.Client(first);
  const auto b = server.Client("b.example", server.vendor_one);
  const auto d = server.Client("d.example", server.vendor_two);
  ASSERT_EQ(Code(*a), absl::StatusCode::kOk);
  ASSERT_EQ(Code(*b), absl::StatusCode::kOk);
  Publish(server.vendor_one, Now({SerialOf(first)}, 2));
  ASSERT_TRUE(Reload().ok());
  const absl::Status refused = a->GetPairKeys({Id("d.example")}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated) << "on the connection that stands";
  EXPECT_THAT(std::string(refused.message()), HasSubstr("revoked"));
  EXPECT_EQ(Code(*server.Client(first)), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Code(*b), absl::StatusCode::kOk);
  EXPECT_TRUE(d->GetPairKeys({Id("a.example")}).ok()) << "an issuer without a list";
  EXPECT_EQ(Code(*server.Client("a.example", server.vendor_one)), absl::StatusCode::kOk) << "its new certificate";
  EXPECT_THAT(*common::ReadFile(server.config.audit_path), HasSubstr("\"event\":\"caller_refused\""));
}

TEST_F(ClientListsTest, R43AChangedFileIsTakenOverByItself) {
  const Identity first = server.vendor_one.Issue("a.example");
  const auto a = server.Client(first);
  ASSERT_EQ(Code(*a), absl::StatusCode::kOk);
  Publish(server.vendor_one, Now({SerialOf(first)}, 2));
  for (int look = 0; look < 3; ++look) server.program->Tick();
  EXPECT_EQ(Code(*a), absl::StatusCode::kUnauthenticated);
}

TEST_F(ClientListsTest, R43AnIntermediateThatIsRevokedTakesAllBelowItAlong) {
  const TestCa devices = server.vendor_one.Intermediate("vendor one devices");
  const auto a = server.Client(devices.Issue("a.example"));
  ASSERT_EQ(Code(*a), absl::StatusCode::kOk);
  Publish(server.vendor_one, Now({common::SerialOf(devices.certificate())}, 2));
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(Code(*a), absl::StatusCode::kUnauthenticated);
}

TEST_F(ClientListsTest, R43AnAuthorityBelowAnAnchorHasItsListBesideItsCertificate) {
  const TestCa devices = server.vendor_one.Intermediate("vendor one devices");
  const Identity revoked = devices.Issue("a.example");
  const std::string der = *tests::BuildList(Now({SerialOf(revoked)}, 1), devices.certificate(), devices.key());
  std::string base64;
  absl::Base64Escape(der, &base64);
  server.folder.Write("devices.crl", common::StrCat(
                                         devices.pem(), "-----BEGIN X509 CRL-----\n",
                                         [&] {
                                           std::string lines;
                                           for (std::size_t at = 0; at < base64.size(); at += 64)
                                             lines += base64.substr(at, 64) + "\n";
                                           return lines;
                                         }(),
                                         "-----END X509 CRL-----\n"));
  server.config.client_crls.push_back(server.folder.path() + "/devices.crl");
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(Code(*server.Client(revoked)), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Code(*server.Client(devices.Issue("a.example"))), absl::StatusCode::kOk);
}

TEST_F(ClientListsTest, R43ListsThatAreNotGoodAreRefusedAndTheOldOnesStay) {
  const Identity first = server.vendor_one.Issue("a.example");
  Publish(server.vendor_one, Now({SerialOf(first)}, 7));
  ASSERT_TRUE(Reload().ok());
  const auto refused = [&](const std::string& why) {
    const absl::Status status = Reload();
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    EXPECT_EQ(Code(*server.Client(first)), absl::StatusCode::kUnauthenticated) << why;
    EXPECT_THAT(Health(), HasSubstr(why));
  };
  Publish(server.vendor_one, Now({}, 6));
  refused("lower than");
  Publish(TestCa("vendor one root"), Now({}, 8));
  refused("does not verify");
  Publish(TestCa("nobody"), Now({}, 8));
  refused("none of the known authorities");
  server.folder.Write("one.crl", "no list");
  refused("one.crl");
  server.folder.Write("one.crl", server.vendor_one.pem());
  refused("holds no revocation list");
  Publish(server.vendor_one, Now({}, 8));
  EXPECT_TRUE(Reload().ok());
  EXPECT_EQ(Code(*server.Client(first)), absl::StatusCode::kOk);
}

TEST_F(ClientListsTest, R43AListThatIsTooOldShutsOutWhoseIssuersItIs) {
  ListSpec old = Now({}, 2);
  old.this_update = absl::Now() - absl::Hours(10);
  old.next_update = absl::Now() - absl::Hours(2);
  server.Stop();  // One that runs takes no list that is older than its own.
  Publish(server.vendor_one, old);
  server.config.client_crl_grace = absl::Hours(3);
  server.Start();
  EXPECT_EQ(Code(*server.Client("a.example", server.vendor_one)), absl::StatusCode::kOk);
  EXPECT_THAT(Health(), HasSubstr("a revocation list has expired"));
  server.config.client_crl_grace = absl::Hours(1);
  ASSERT_TRUE(Reload().ok());
  const absl::Status refused = server.Client("a.example", server.vendor_one)->GetPairKeys({Id("d.example")}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("too old"));
  EXPECT_TRUE(server.Client("d.example", server.vendor_two)->GetPairKeys({Id("a.example")}).ok());
}

TEST_F(ClientListsTest, R43WhoWasKnownIsShutOutWhenTheListsTimeIsOver) {
  common::FakeClock clock(absl::Now());
  const auto list = common::VerifyCertificateList(
      *tests::BuildList(Now({}, 1), server.vendor_one.certificate(), server.vendor_one.key()),
      {server.vendor_one.certificate()});
  ASSERT_TRUE(list.ok()) << list.status();
  const auto verifier = rpc::PeerVerifier::Make({server.vendor_one.certificate()}, clock,
                                                *rpc::ClientLists::Make({*list}, absl::Minutes(10)));
  const Identity a =
      server.vendor_one.Issue(LeafOptions{.dns_names = {"a.example"}, .not_after = absl::Now() + absl::Hours(5)});
  EXPECT_TRUE((*verifier)->Identify(a.certificate_pem, "").ok());
  clock.Advance(absl::Minutes(65));
  EXPECT_TRUE((*verifier)->Identify(a.certificate_pem, "").ok());
  clock.Advance(absl::Minutes(10));
  EXPECT_FALSE((*verifier)->Identify(a.certificate_pem, "").ok());
}

TEST_F(ClientListsTest, TwoListsOfOneIssuerAreAnError) {
  Publish(server.vendor_one, Now({}, 1), "again.crl");
  server.config.client_crls.push_back(server.folder.path() + "/again.crl");
  EXPECT_THAT(std::string(Reload().message()), HasSubstr("two revocation lists"));
}

}  // namespace
}  // namespace henb::keydist::test
