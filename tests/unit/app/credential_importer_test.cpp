#include "henb-x2sec/app/credentials/credential_importer.h"

#include <gtest/gtest.h>

#include "device_files.h"
#include "loop_fixture.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::x2sec::app {
namespace {

class CredentialImporterTest : public tests::LoopFixture {
 protected:
  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon ike{network, nullptr};
  Credentials credentials = *Credentials::Load(device.config, store);
  int imported = 0;
  int changed = 0;
  CredentialImporter importer{{worker, store, ike, credentials, [this] { ++imported; }, [this] { ++changed; }}};
};

TEST_F(CredentialImporterTest, AtTheStartTheKeyIsKnownWhenItReturns) {
  importer.Now();
  EXPECT_FALSE(credentials.vendor().ckaid.empty());
  EXPECT_EQ(store.Roots()->size(), 2U);
  Settle();
  EXPECT_EQ(ike.calls("TrustNewRoots"), 1);
  EXPECT_EQ(imported, 1);
  EXPECT_EQ(changed, 0) << "nothing has been decided yet";
}

TEST_F(CredentialImporterTest, LaterTheLoopDoesNotWaitForNss) {
  importer.Begin();
  EXPECT_TRUE(credentials.vendor().ckaid.empty()) << "the loop goes on";
  importer.Begin();
  Settle();
  EXPECT_FALSE(credentials.vendor().ckaid.empty());
  EXPECT_EQ(store.Keys()->size(), 1U);
  EXPECT_EQ(changed, 1);
  EXPECT_EQ(ike.calls("TrustNewRoots"), 1);
}

TEST_F(CredentialImporterTest, AKeyThatWasTakenAwayIsPutBackWhenPlutoStarts) {
  importer.Now();
  const std::string ckaid = credentials.vendor().ckaid;
  ASSERT_TRUE(store.DeleteKey(ckaid).ok());
  ASSERT_EQ(credentials.KeepOnly({}).size(), 1U);
  importer.Begin();
  Settle();
  EXPECT_EQ(credentials.vendor().ckaid, ckaid);
  EXPECT_EQ(changed, 1);
}

}  // namespace
}  // namespace henb::x2sec::app
