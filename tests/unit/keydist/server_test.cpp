// keydist-server and the HeNB's client over mutual TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "common/strings.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using x2sec::core::KeyDenial;
using x2sec::core::PairKeys;
using x2sec::core::PairResult;

const PairKeys& KeysOf(const PairResult& result) { return std::get<PairKeys>(result.result); }

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }
  TestServer server;
};

TEST_F(ServerTest, R44BothEndsOfAPairGetTheSameKey) {
  const auto at_a = server.Client("a.example", server.vendor_one)->GetPairKeys({Id("d.example")});
  const auto at_d = server.Client("d.example", server.vendor_two)->GetPairKeys({Id("a.example")});
  ASSERT_TRUE(at_a.ok()) << at_a.status();
  ASSERT_TRUE(at_d.ok()) << at_d.status();
  const PairKeys& a = KeysOf(at_a->at(0));
  const PairKeys& d = KeysOf(at_d->at(0));
  EXPECT_EQ(a.current.key.size(), 32U);
  EXPECT_TRUE(common::ConstantTimeEquals(a.current.key, d.current.key));
  EXPECT_EQ(a.current.epoch, 1U);
  EXPECT_EQ(a.current.activate_in, absl::ZeroDuration());
  EXPECT_GT(a.current.expire_in, absl::Hours(25));
  EXPECT_FALSE(a.next.has_value());
}

TEST_F(ServerTest, AnswersStandInTheOrderOfThePeers) {
  const auto answer = server.Client("a.example", server.vendor_one)
                          ->GetPairKeys({Id("d.example"), Id("nobody.example"), Id("b.example")});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(std::holds_alternative<PairKeys>(answer->at(0).result));
  EXPECT_EQ(std::get<KeyDenial>(answer->at(1).result), KeyDenial::kNotAllowed);
  EXPECT_FALSE(common::ConstantTimeEquals(KeysOf(answer->at(0)).current.key, KeysOf(answer->at(2)).current.key));
}

TEST_F(ServerTest, RegisteredFactsReachThePeerAndEndWithTheLease) {
  server.Stop();
  server.config.service.lease = absl::Seconds(1);
  server.Start();
  const auto d = server.Client("d.example", server.vendor_two);
  const auto registered = d->Register({.x2_addresses = {"10.1.0.4", "2001:db8::4"},
                                       .cmpv2 = true,
                                       .anchors = {server.vendor_two.spki()},
                                       .boot_id = "1"});
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->henb_id, "d.example");
  EXPECT_EQ(registered->lease, absl::Seconds(1));
  EXPECT_EQ(registered->generation, 1U);

  const auto a = server.Client("a.example", server.vendor_one);
  const auto answer = a->GetPairKeys({Id("d.example")});
  ASSERT_TRUE(answer.ok());
  const auto& facts = KeysOf(answer->at(0)).peer_facts;
  ASSERT_TRUE(facts.has_value());
  EXPECT_THAT(facts->x2_addresses, ::testing::ElementsAre("10.1.0.4", "2001:db8::4"));
  EXPECT_TRUE(facts->cmpv2);
  EXPECT_THAT(facts->anchors, ::testing::ElementsAre(server.vendor_two.spki()));

  EXPECT_TRUE(Eventually([&] {
    const auto later = a->GetPairKeys({Id("d.example")});
    return later.ok() && !KeysOf(later->at(0)).peer_facts.has_value();  // The right to keys stays.
  }));
}

TEST_F(ServerTest, RefusesMalformedRegistrationsWithTheirPlace) {
  const auto a = server.Client("a.example", server.vendor_one);
  const auto bad = a->Register({.x2_addresses = {"10.1.0.1", "10.1.0"}, .cmpv2 = false, .anchors = {}, .boot_id = ""});
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), ::testing::HasSubstr("x2_addresses[1]"));
}

TEST_F(ServerTest, RefusesMoreThan64Peers) {
  std::vector<common::HenbId> peers(65, Id("d.example"));
  const auto a = server.Client("a.example", server.vendor_one);
  EXPECT_EQ(a->GetPairKeys(peers).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(a->GetPairKeys({}).status().code(), absl::StatusCode::kInvalidArgument);
  peers.pop_back();
  EXPECT_TRUE(a->GetPairKeys(peers).ok());
}

TEST_F(ServerTest, KeysSurviveARestart) {
  const auto before = server.Client("a.example", server.vendor_one)->GetPairKeys({Id("d.example")});
  server.Stop();
  server.Start();
  const auto after = server.Client("a.example", server.vendor_one)->GetPairKeys({Id("d.example")});
  ASSERT_TRUE(before.ok());
  ASSERT_TRUE(after.ok());
  EXPECT_TRUE(common::ConstantTimeEquals(KeysOf(before->at(0)).current.key, KeysOf(after->at(0)).current.key));
}

TEST_F(ServerTest, NextEpochIsHandedOutAheadAndBecomesCurrent) {
  const auto a = server.Client("a.example", server.vendor_one);
  ASSERT_EQ(server.Ctl({"epoch", "advance", "--in", "2s"}), 0);
  const auto ahead = a->GetPairKeys({Id("d.example")});
  ASSERT_TRUE(ahead.ok());
  ASSERT_TRUE(KeysOf(ahead->at(0)).next.has_value());
  const auto& next = *KeysOf(ahead->at(0)).next;
  EXPECT_EQ(next.epoch, 2U);
  EXPECT_GT(next.activate_in, absl::ZeroDuration());
  EXPECT_TRUE(Eventually([&] {
    const auto now = a->GetPairKeys({Id("d.example")});
    return now.ok() && KeysOf(now->at(0)).current.epoch == 2 &&
           common::ConstantTimeEquals(KeysOf(now->at(0)).current.key, next.key);
  }));
}

TEST_F(ServerTest, R47RotationGivesNewKeysAndNewGenerations) {
  const auto a = server.Client("a.example", server.vendor_one);
  const auto before = a->GetPairKeys({Id("d.example")});
  ASSERT_EQ(server.Ctl({"rotate", "d.example"}), 0);
  const auto after = a->GetPairKeys({Id("d.example")});
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(KeysOf(after->at(0)).current.generation_peer, 2U);
  EXPECT_EQ(KeysOf(after->at(0)).current.generation_local, 1U);
  EXPECT_FALSE(common::ConstantTimeEquals(KeysOf(before->at(0)).current.key, KeysOf(after->at(0)).current.key));
}

TEST_F(ServerTest, R51ARecordForEachCallIsInTheChain) {
  const auto a = server.Client("a.example", server.vendor_one);
  ASSERT_TRUE(a->GetPairKeys({Id("d.example"), Id("nobody.example")}).ok());
  const std::string audit = *common::ReadFile(server.config.audit_path);
  EXPECT_THAT(audit, ::testing::HasSubstr("\"event\":\"keys_issued\",\"actor\":\"a.example\""));
  EXPECT_THAT(audit, ::testing::HasSubstr("{\"peer\":\"d.example\",\"outcome\":\"issued\",\"generation\":1}"));
  EXPECT_THAT(audit, ::testing::HasSubstr("{\"peer\":\"nobody.example\",\"outcome\":\"not_allowed\"}"));
}

TEST_F(ServerTest, OperatorsCertificateOfTheSameNameGetsTheSameKeys) {
  server.Stop();
  server.Start();
  const auto vendor = server.Client("a.example", server.vendor_one);
  // Registered with both anchors: shown either certificate, it is the same HeNB.
  ASSERT_EQ(server.Ctl({"henb", "remove", "a.example"}), 0);
  ASSERT_EQ(server.Ctl({"henb", "add", "a.example", "--anchor", server.vendor_one.spki().ToHex(), "--anchor",
                        server.operator_ca.spki().ToHex(), "--group", "site"}),
            0);
  const auto before = vendor->GetPairKeys({Id("d.example")});
  ASSERT_TRUE(before.ok()) << before.status();
  const Identity enrolled = server.operator_ca.Issue("a.example");
  vendor->UpdateCredentials({enrolled.certificate_pem, common::SecretBytes::CopyOf(enrolled.key_pem)});
  const auto after = vendor->GetPairKeys({Id("d.example")});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(common::ConstantTimeEquals(KeysOf(before->at(0)).current.key, KeysOf(after->at(0)).current.key));
}

TEST_F(ServerTest, ClientRefusesAServerOfAnotherNameOrRoot) {
  x2sec::keydist_client::ClientOptions options;
  options.address = common::StrCat("127.0.0.1:", server.program->port());
  options.deadline = absl::Seconds(3);
  const Identity a = server.vendor_one.Issue("a.example");
  const auto ask = [&](const std::string& name, const std::string& root) {
    options.server_name = name;
    options.operator_root_pem = root;
    x2sec::keydist_client::KeyServiceClient client(options, {a.certificate_pem, common::SecretBytes::CopyOf(a.key_pem)},
                                                   server.random);
    return client.GetPairKeys({Id("d.example")}).status().code();
  };
  EXPECT_EQ(ask("keydist.example", server.operator_ca.pem()), absl::StatusCode::kOk);
  EXPECT_EQ(ask("other.example", server.operator_ca.pem()), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ask("keydist.example", server.vendor_one.pem()), absl::StatusCode::kUnavailable);
}

TEST(Placement, R43ColocatedLoadsTheKernelGuardBeforeListening) {
  TestServer server;
  server.config.placement = app::Placement::kColocated;
  server.config.inner_pool.clear();
  server.Start();
  EXPECT_EQ(server.runner.last.argv, (std::vector<std::string>{"/usr/sbin/nft", "-f", "-"}));
  EXPECT_THAT(server.runner.last.standard_input, ::testing::HasSubstr("meta ipsec missing"));
}

TEST(Placement, R43WithoutTheKernelGuardColocatedDoesNotListen) {
  TestServer server;
  server.config.placement = app::Placement::kColocated;
  server.runner.exit_status = 1;
  const auto started = app::Program::Start(server.config, server.clock, server.random, server.runner);
  EXPECT_EQ(started.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(started.status().message()), ::testing::HasSubstr("kernel guard"));
}

TEST(Placement, R43BehindSegwRefusesAddressesOutsideTheInnerPool) {
  TestServer server;
  server.config.inner_pool = {*common::Cidr::Parse("10.0.0.0/8")};
  server.Start();
  EXPECT_EQ(server.Client("a.example", server.vendor_one)->GetPairKeys({Id("d.example")}).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(TwoServers, OnTheSameStateTheSecondIsRefused) {
  TestServer server;
  server.Start();
  app::Config second = server.config;
  second.run_dir += "2";
  const auto started = app::Program::Start(second, server.clock, server.random, server.runner);
  EXPECT_THAT(std::string(started.status().message()), ::testing::HasSubstr("held by another process"));
}

}  // namespace
}  // namespace henb::keydist::test
