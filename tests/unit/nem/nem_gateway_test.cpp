// The whole of nem-gateway between devices (HTTPS) and an RA/CA (CMPv2), all of them real but for the network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "tests/unit/nem/nem_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using x2sec::nem::RequestState;

constexpr char kTaken[] = R"({"taken": true})";

TEST(NemGateway, R39ADeviceUploadsAndCollectsItsCertificate) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  const std::string pkcs10 = device->MakePkcs10("henb-a.example");
  const auto uploaded = device->Upload(pkcs10);
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  EXPECT_EQ(uploaded->status, 202) << uploaded->body;
  EXPECT_GT(uploaded->retry_after_s, 0);
  const auto reply = device->Await(IdOf(pkcs10));
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(reply->content_type, "application/pem-certificate-chain");
  const auto chain = common::Certificate::ChainFromPem(reply->body).value();
  ASSERT_THAT(chain, SizeIs(2));
  EXPECT_EQ(chain[0].Identity().value().str(), "henb-a.example");
  EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(chain[0].get()), device->key()), 1);
  EXPECT_EQ(device->Tell(IdOf(pkcs10), kTaken).value().status, 204);
  const LedgerEntry entry = scene.ledger().Entries().at(0);
  EXPECT_EQ(entry.state, CertificateState::kConfirmed);
  EXPECT_EQ(entry.through, scene.nem_ra.certificate.serial_hex());
}

TEST(NemGateway, R39UploadingAgainIsTheSameRequest) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  const std::string pkcs10 = device->MakePkcs10("henb-a.example");
  EXPECT_EQ(device->Upload(pkcs10).value().status, 202);
  EXPECT_EQ(device->Upload(pkcs10).value().status, 202);
  EXPECT_EQ(device->Await(IdOf(pkcs10)).value().status, 200);
  EXPECT_THAT(scene.ledger().Entries(), SizeIs(1));
}

TEST(NemGateway, R39ADeviceThatIsNotListedGetsNothing) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-z.example");
  EXPECT_EQ(device->Upload(device->MakePkcs10("henb-z.example")).value().status, 403);
  EXPECT_THAT(scene.Requests(), IsEmpty());
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST(NemGateway, R39ARogueDeviceGetsNothingFromANemThatWasTakenOver) {
  NemScene scene;
  // Whoever holds the NEM lists whom he likes, and has its credential. The RA/CA's list is not his.
  scene.WriteDeviceList({"henb-a.example", "henb-rogue.example"});
  scene.StartNem();
  const auto rogue = scene.Device("henb-rogue.example");
  const std::string pkcs10 = rogue->MakePkcs10("henb-rogue.example");
  ASSERT_EQ(rogue->Upload(pkcs10).value().status, 202);
  const auto reply = rogue->Await(IdOf(pkcs10)).value();
  EXPECT_EQ(reply.status, 410);
  EXPECT_THAT(reply.body, HasSubstr("not on the list"));
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST(NemGateway, R39ADeviceAsksForItselfOnly) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-b.example");
  EXPECT_EQ(device->Upload(device->MakePkcs10("henb-a.example")).value().status, 403);
  const auto other = scene.Device("henb-a.example");
  const std::string pkcs10 = other->MakePkcs10("henb-a.example");
  ASSERT_EQ(other->Upload(pkcs10).value().status, 202);
  EXPECT_EQ(device->Get(IdOf(pkcs10)).value().status, 404) << "another's request is not there";
  EXPECT_EQ(device->Tell(IdOf(pkcs10), R"({"taken": false})").value().status, 404);
}

TEST(NemGateway, R39AForgedProofOfPossessionIsRefusedAlreadyHere) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  std::string forged = device->MakePkcs10("henb-a.example");
  forged.back() = static_cast<char>(forged.back() ^ 1);
  const auto reply = device->Upload(forged).value();
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("signature"));
  EXPECT_THAT(scene.Requests(), IsEmpty());
}

TEST(NemGateway, AnotherVendorsDeviceDoesNotGetPastTheHandshake) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.DeviceOf(TestAuthority::Root("/O=Vendor 2/CN=Root"), "henb-a.example");
  const auto reply = device->Upload(device->MakePkcs10("henb-a.example"));
  EXPECT_EQ(reply.status().code(), StatusCode::kUnavailable) << reply.status();
}

TEST(NemGateway, R39TheStoreHoldsNoSecretOfADevice) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  const std::string pkcs10 = device->MakePkcs10("henb-a.example");
  ASSERT_EQ(device->Upload(pkcs10).value().status, 202);
  ASSERT_EQ(device->Await(IdOf(pkcs10)).value().status, 200);
  scene.StopNem();
  BIGNUM* scalar = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(device->key(), "priv", &scalar), 1);
  const OpensslPtr<BIGNUM> owned(scalar);
  std::string secret(32, '\0');
  BN_bn2binpad(scalar, reinterpret_cast<unsigned char*>(secret.data()), 32);
  for (const auto& file : std::filesystem::directory_iterator(scene.File(""))) {
    if (!file.path().filename().string().starts_with("requests.db")) continue;
    EXPECT_EQ(common::ReadFile(file.path()).value().find(secret), std::string::npos) << file.path();
  }
}

TEST(NemGateway, R39OneDeviceOfABatchFailsAndTheOthersDoNot) {
  NemScene scene;
  scene.ca_devices = {"henb-a.example", "henb-c.example"};
  scene.StartCa();
  scene.config.batch_delay = absl::Seconds(1);
  scene.StartNem();
  std::map<std::string, int> status;
  std::map<std::string, std::unique_ptr<NemDevice>> devices;
  std::map<std::string, std::string> ids;
  for (const std::string name : {"henb-a.example", "henb-b.example", "henb-c.example"}) {
    devices[name] = scene.Device(name);
    const std::string pkcs10 = devices[name]->MakePkcs10(name);
    ids[name] = IdOf(pkcs10);
    ASSERT_EQ(devices[name]->Upload(pkcs10).value().status, 202);
  }
  for (const auto& [name, device] : devices) status[name] = device->Await(ids[name]).value().status;
  EXPECT_EQ(status["henb-a.example"], 200);
  EXPECT_EQ(status["henb-b.example"], 410);
  EXPECT_EQ(status["henb-c.example"], 200);
  EXPECT_EQ(scene.ledger().CountLive(), 2);
}

TEST(NemGateway, R39NothingIsLostOverARestartWithTheRaAway) {
  NemScene scene;
  scene.StartNem();
  scene.StopCa();
  const auto device = scene.Device("henb-a.example");
  const std::string pkcs10 = device->MakePkcs10("henb-a.example");
  ASSERT_EQ(device->Upload(pkcs10).value().status, 202);
  ASSERT_TRUE(NemScene::Eventually([&] { return scene.Requests().at(0).attempts > 0; }));
  EXPECT_EQ(scene.Requests().at(0).state, RequestState::kPending);
  scene.StopNem();
  scene.StartCa();
  scene.StartNem();
  const auto again = scene.Device("henb-a.example");
  EXPECT_EQ(again->Await(IdOf(pkcs10)).value().status, 200);
}

TEST(NemGateway, R28WhatTheDeviceRejectsIsRevoked) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  const std::string pkcs10 = device->MakePkcs10("henb-a.example");
  ASSERT_EQ(device->Upload(pkcs10).value().status, 202);
  ASSERT_EQ(device->Await(IdOf(pkcs10)).value().status, 200);
  EXPECT_EQ(device->Tell(IdOf(pkcs10), R"({"taken": false, "reason": "cmp.wrong_usage"})").value().status, 204);
  EXPECT_TRUE(NemScene::Eventually([&] { return scene.ledger().CountLive() == 0; }));
  EXPECT_EQ(device->Get(IdOf(pkcs10)).value().status, 410);
}

TEST(NemGateway, R67ARenewalReplacesTheOldCertificateOnceTheNewOneIsTaken) {
  NemScene scene;
  scene.config.revoke_old_after = absl::ZeroDuration();
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  std::vector<std::string> serials;
  for (int i = 0; i < 2; ++i) {
    const std::string pkcs10 = device->MakePkcs10("henb-a.example");
    ASSERT_EQ(device->Upload(pkcs10).value().status, 202);
    ASSERT_EQ(device->Await(IdOf(pkcs10)).value().status, 200);
    EXPECT_EQ(scene.ledger().CountLive(), i + 1) << "the old one is live until the new one is taken";
    ASSERT_EQ(device->Tell(IdOf(pkcs10), kTaken).value().status, 204);
  }
  ASSERT_TRUE(NemScene::Eventually([&] { return scene.ledger().CountLive() == 1; }));
  EXPECT_EQ(scene.ledger().Entries().at(0).state, CertificateState::kRevoked);
  EXPECT_EQ(scene.ledger().Entries().at(1).state, CertificateState::kConfirmed);
}

TEST(NemGateway, ACertificateThatNobodyFetchedIsRevokedWhenTheDeviceAsksAnew) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  ASSERT_EQ(device->Upload(device->MakePkcs10("henb-a.example")).value().status, 202);
  ASSERT_TRUE(NemScene::Eventually([&] { return scene.Requests().at(0).state == RequestState::kIssued; }));
  const std::string second = device->MakePkcs10("henb-a.example");
  ASSERT_EQ(device->Upload(second).value().status, 202);
  EXPECT_EQ(device->Await(IdOf(second)).value().status, 200);
  EXPECT_TRUE(NemScene::Eventually([&] { return scene.ledger().CountLive() == 1; }));
  EXPECT_EQ(scene.ledger().Entries().at(0).state, CertificateState::kRevoked);
}

TEST(NemGateway, OneDeviceMayNotFloodTheRa) {
  NemScene scene;
  scene.config.requests_per_hour = 2;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  int last = 0;
  for (int i = 0; i < 3; ++i) {
    // While a request of it is with the RA/CA the answer is "later".
    ASSERT_TRUE(NemScene::Eventually([&] {
      last = device->Upload(device->MakePkcs10("henb-a.example")).value().status;
      return last != 503;
    }));
  }
  EXPECT_EQ(last, 429);
}

TEST(NemGateway, WhatIsNoRequestIsRefusedByItsStatus) {
  NemScene scene;
  scene.StartNem();
  const auto device = scene.Device("henb-a.example");
  EXPECT_EQ(device->Upload("garbage").value().status, 400);
  EXPECT_EQ(device->Get(std::string(64, '0')).value().status, 404);
  EXPECT_EQ(device->Get("../../etc/passwd").value().status, 404);
  EXPECT_EQ(device->Tell(std::string(64, '0'), "[1]").value().status, 400);
  const auto large = device->Upload(std::string(20'000, 'x'));
  // Either the status, or the connection's end while we still send.
  EXPECT_TRUE(!large.ok() || large->status == 413) << large->status;
}

}  // namespace
}  // namespace henb::tests
