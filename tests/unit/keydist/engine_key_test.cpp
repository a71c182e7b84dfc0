// Mutual TLS with a key that is not to be had: the client's is in its key store, and works there (R33).
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "henb-x2sec/device_key/key_engine.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/test_pki.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using tests::FakeCertificateStore;
using tests::KeyKind;

class EngineKeyTest : public ::testing::TestWithParam<KeyKind> {
 protected:
  void SetUp() override {
    server_.config.anchors.push_back(server_.folder.Write("e.pem", root_.certificate().pem()));
    server_.Start();
    const std::string anchor = root_.certificate().spki().ToHex();
    ASSERT_EQ(server_.Ctl({"henb", "add", "e.example", "--anchor", anchor, "--group", "site"}), 0);
  }
  std::string Put(FakeCertificateStore& store, const tests::TestCredential& made) {
    return store.ImportKey(tests::Pkcs8Of(made.key.get()), made.certificate).value();
  }
  absl::Status Ask(const std::string& certificate_pem, const std::string& key) {
    const auto client = server_.Client(Identity{certificate_pem, key});
    return client->GetPairKeys({Id("a.example")}).status();
  }
  TestServer server_;
  tests::TestAuthority root_ = tests::TestAuthority::Root("/O=Vendor/CN=vendor of e");
  tests::TestCredential mine_ = root_.IssueHenb("e.example", GetParam());
};

TEST_P(EngineKeyTest, R33ItsKeyIsEnoughAndAnotherIsNot) {
  FakeCertificateStore store;
  const x2sec::device_key::KeyEngine engine(store);
  const std::string right = Put(store, mine_);
  const std::string wrong = Put(store, root_.IssueHenb("e.example", GetParam()));
  const absl::Status done = Ask(mine_.certificate.pem(), engine.NameOf(right));
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_FALSE(Ask(mine_.certificate.pem(), engine.NameOf(wrong)).ok());
  EXPECT_FALSE(Ask(mine_.certificate.pem(), engine.NameOf(std::string(40, '0'))).ok());
}

TEST_P(EngineKeyTest, KeysOutliveTheirStoreWithoutHarm) {
  FakeCertificateStore store;
  std::unique_ptr<x2sec::keydist_client::KeyServiceClient> client;
  {
    const x2sec::device_key::KeyEngine engine(store);
    client = server_.Client(Identity{mine_.certificate.pem(), engine.NameOf(Put(store, mine_))});
  }
  EXPECT_FALSE(client->GetPairKeys({Id("a.example")}).ok());
}

INSTANTIATE_TEST_SUITE_P(Kinds, EngineKeyTest, ::testing::Values(KeyKind::kP256, KeyKind::kRsa2048),
                         [](const auto& kind) { return kind.param == KeyKind::kP256 ? "P256" : "Rsa"; });

}  // namespace
}  // namespace henb::keydist::test
