#include "henb-x2sec/core/plan.h"

#include <gtest/gtest.h>

#include "core_fixture.h"

namespace henb::x2sec::core {
namespace {

PlanInputs Inputs() {
  PlanInputs inputs;
  inputs.self = Id("henb-a.example");
  inputs.peer = Id("henb-b.example");
  inputs.reqid = 101;
  inputs.pairs = {{Ip("10.9.0.1"), Ip("10.9.0.2"), Ip("10.9.0.1"), Ip("10.9.0.2")}};
  inputs.vendor_key = OwnKey{"aa", false, "O=Vendor, CN=henb-a.example"};
  inputs.operator_key = OwnKey{"bb", true, "CN=henb-a.example"};
  inputs.anchor_subject = "O=Vendor, CN=Root";
  inputs.psk_installed = true;
  return inputs;
}

policy::Decision Decided(policy::Outcome outcome, std::optional<policy::Method> method) {
  policy::Decision decision;
  decision.outcome = outcome;
  decision.method = method;
  decision.terms.suites = policy::DefaultSuites();
  decision.terms.replay_window = 2048;
  decision.terms.max_sa_age = absl::Hours(24);
  return decision;
}

TEST(Plan, BlockNeedsNothing) {
  const LinkPlan plan = MakePlan(Decided(policy::Outcome::kBlock, {}), Inputs());
  EXPECT_EQ(plan, LinkPlan{});
}

TEST(Plan, CertificatesOfTheMethod) {
  const LinkPlan same_ca = MakePlan(Decided(policy::Outcome::kCert, policy::Method::kCertSameCa), Inputs());
  ASSERT_EQ(same_ca.connections.size(), 1U);
  EXPECT_EQ(same_ca.connections[0].local_ckaid, "aa");
  EXPECT_EQ(same_ca.connections[0].expected_ca, "O=Vendor, CN=Root");
  EXPECT_EQ(same_ca.connections[0].name, "x2-henb-b.example-0");
  const LinkPlan enrolled = MakePlan(Decided(policy::Outcome::kCert, policy::Method::kCertEnrolled), Inputs());
  EXPECT_EQ(enrolled.connections[0].local_ckaid, "bb");
  EXPECT_EQ(enrolled.connections[0].local_subject, "CN=henb-a.example");
  EXPECT_TRUE(enrolled.connections[0].local_key_is_rsa);
}

TEST(Plan, AnSaLivesNoLongerThanPlutoTakes) {
  policy::Decision decision = Decided(policy::Outcome::kPsk, policy::Method::kPsk);
  EXPECT_EQ(MakePlan(decision, Inputs()).connections.at(0).lifetime, absl::Hours(24));
  decision.terms.max_sa_age = absl::Hours(720);
  EXPECT_EQ(MakePlan(decision, Inputs()).connections.at(0).lifetime, kLongestSaLife);
}

TEST(Plan, R11TunnelUnlessRuleOrConfigurationSayTransport) {
  policy::Decision decision = Decided(policy::Outcome::kCert, policy::Method::kCertSameCa);
  PlanInputs inputs = Inputs();
  EXPECT_FALSE(MakePlan(decision, inputs).connections.at(0).transport_mode);
  inputs.transport_by_configuration = true;
  EXPECT_TRUE(MakePlan(decision, inputs).connections.at(0).transport_mode);
  inputs.transport_by_configuration = false;
  decision.terms.mode = policy::Mode::kTransport;
  EXPECT_TRUE(MakePlan(decision, inputs).connections.at(0).transport_mode);
}

TEST(Plan, R32AnotherKeyOfTheSameSubjectIsTheSameConnection) {
  const ConnectionSpec before =
      MakePlan(Decided(policy::Outcome::kCert, policy::Method::kCertEnrolled), Inputs()).connections.at(0);
  ConnectionSpec renewed = before;
  renewed.local_ckaid = "cc";
  EXPECT_TRUE(SameButForKey(before, renewed));
  renewed.local_subject = "CN=other";
  EXPECT_FALSE(SameButForKey(before, renewed)) << "pluto would go on with the old subject's certificate";
  renewed = before;
  renewed.expected_ca = "CN=other";
  EXPECT_FALSE(SameButForKey(before, renewed));
  ConnectionSpec nameless = before;
  nameless.local_subject.clear();
  ConnectionSpec other = nameless;
  other.local_ckaid = "cc";
  EXPECT_FALSE(SameButForKey(nameless, other));
}

TEST(Plan, R14NoKnownAnchorNoConnection) {
  PlanInputs inputs = Inputs();
  inputs.anchor_subject.clear();
  const LinkPlan plan = MakePlan(Decided(policy::Outcome::kCert, policy::Method::kCertSameCa), inputs);
  EXPECT_TRUE(plan.connections.empty());
  EXPECT_TRUE(plan.admitted.empty());
  EXPECT_FALSE(plan.missing.empty());
}

TEST(Plan, PskWaitsForItsKey) {
  PlanInputs inputs = Inputs();
  inputs.psk_installed = false;
  EXPECT_TRUE(MakePlan(Decided(policy::Outcome::kPsk, policy::Method::kPsk), inputs).admitted.empty());
  inputs.psk_installed = true;
  const LinkPlan plan = MakePlan(Decided(policy::Outcome::kPsk, policy::Method::kPsk), inputs);
  EXPECT_EQ(plan.connections[0].auth, IkeAuth::kPsk);
  EXPECT_TRUE(plan.connections[0].local_ckaid.empty());
}

TEST(Plan, EnrolmentOfThePeerIsTriedWithTheOperatorCertificate) {
  policy::Decision decision = Decided(policy::Outcome::kEnrol, policy::Method::kCertEnrolled);
  decision.waiting_for = policy::WaitingFor::kPeer;
  EXPECT_EQ(MakePlan(decision, Inputs()).goal, Goal::kEnrolPeer);
  EXPECT_EQ(MakePlan(decision, Inputs()).connections.size(), 1U);
  decision.waiting_for = policy::WaitingFor::kSelf;
  EXPECT_EQ(MakePlan(decision, Inputs()).goal, Goal::kEnrolSelf);
  EXPECT_TRUE(MakePlan(decision, Inputs()).connections.empty());
}

TEST(Plan, R17OneConnectionForEachAddressPair) {
  PlanInputs inputs = Inputs();
  inputs.pairs.push_back({Ip("fd09::1"), Ip("fd09::2"), Ip("fd09::1"), Ip("fd09::2")});
  const LinkPlan plan = MakePlan(Decided(policy::Outcome::kPsk, policy::Method::kPsk), inputs);
  ASSERT_EQ(plan.connections.size(), 2U);
  EXPECT_EQ(plan.connections[1].name, "x2-henb-b.example-1");
  EXPECT_EQ(plan.connections[0].reqid, plan.connections[1].reqid);
  EXPECT_EQ(plan.admitted.size(), 2U);
}

TEST(Plan, R17AnAddressThatComesOrGoesLeavesTheOthersNamesAlone) {
  const AddressPair first{Ip("10.9.0.1"), Ip("10.9.0.2"), Ip("10.9.0.1"), Ip("10.9.0.2")};
  const AddressPair second{Ip("10.9.1.1"), Ip("10.9.1.2"), Ip("10.9.1.1"), Ip("10.9.1.2")};
  const AddressPair third{Ip("fd09::1"), Ip("fd09::2"), Ip("fd09::1"), Ip("fd09::2")};
  PlanInputs inputs = Inputs();
  inputs.pairs = {first, second};
  inputs.numbers = NumberPairs(inputs.pairs, {});
  const auto before = MakePlan(Decided(policy::Outcome::kPsk, policy::Method::kPsk), inputs).connections;
  EXPECT_EQ(inputs.numbers, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(NumberPairs({second}, before), (std::vector<std::size_t>{1}));
  EXPECT_EQ(NumberPairs({second, third}, before), (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(NumberPairs({third, first, second}, before), (std::vector<std::size_t>{2, 0, 1}));
  inputs.pairs = {second};
  inputs.numbers = {1};
  EXPECT_EQ(MakePlan(Decided(policy::Outcome::kPsk, policy::Method::kPsk), inputs).connections[0], before[1]);
}

TEST(Plan, R64AddressesBehindTheEndsOfTheSaNeedATunnel) {
  PlanInputs inputs = Inputs();
  inputs.transport_by_configuration = true;
  const auto mode = [&] {
    return MakePlan(Decided(policy::Outcome::kPsk, policy::Method::kPsk), inputs).connections[0].transport_mode;
  };
  EXPECT_TRUE(mode());
  inputs.pairs[0].peer_ike = Ip("10.9.0.50");
  EXPECT_FALSE(mode());
}

TEST(Plan, R2TrustedOpensOnlyAddressesOfTheRulesNetworkOnItsInterface) {
  policy::Decision decision = Decided(policy::Outcome::kTrusted, policy::Method::kTrusted);
  decision.terms.networks = {*common::Cidr::Parse("10.9.5.0/24")};
  decision.terms.interface = "wire0";
  PlanInputs inputs = Inputs();
  EXPECT_TRUE(MakePlan(decision, inputs).clear.empty());
  inputs.pairs = {{Ip("10.9.5.1"), Ip("10.9.5.5"), Ip("10.9.5.1"), Ip("10.9.5.5")}};
  EXPECT_EQ(MakePlan(decision, inputs).clear.size(), 1U);
  EXPECT_EQ(MakePlan(decision, inputs).trusted.begin()->interface, "wire0");
  decision.terms.interface.clear();
  EXPECT_TRUE(MakePlan(decision, inputs).clear.empty());
  EXPECT_TRUE(MakePlan(decision, inputs).trusted.empty());
}

}  // namespace
}  // namespace henb::x2sec::core
