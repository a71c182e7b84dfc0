// What every IkeDaemon does, as docs/pluto.md has it: the fakes, and two real plutos in the lab's machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "ike_world.h"

namespace henb::tests {
namespace {

using common::SecretBytes;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using x2sec::core::ChildSa;
using x2sec::core::ConnectionSpec;
using x2sec::core::IkeAuth;
using x2sec::core::IkeSnapshot;
using x2sec::core::InitiateOutcome;
using x2sec::core::InitiateReport;

struct Kind {
  const char* name;
  std::unique_ptr<IkeWorld> (*make)();
};

class IkeDaemonTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    if (world_ == nullptr) GTEST_SKIP() << "no real plutos: X2_PLUTO_A is not set";
    at_a_ = SpecOf(a(), b(), IkeAuth::kPsk);
    at_b_ = SpecOf(b(), a(), IkeAuth::kPsk);
  }
  IkeEnd& a() { return world_->a; }
  IkeEnd& b() { return world_->b; }

  static void PutSecret(const IkeEnd& at, const IkeEnd& peer, char fill) {
    ASSERT_TRUE(at.secrets->Put(at.id, peer.id, SecretBytes::CopyOf(std::string(32, fill))).ok());
    ASSERT_TRUE(at.daemon->RereadSecrets().ok());
  }
  void PutSecrets(char fill) {
    PutSecret(a(), b(), fill);
    PutSecret(b(), a(), fill);
  }
  void AddBoth() {
    ASSERT_TRUE(a().daemon->Add(at_a_).ok());
    ASSERT_TRUE(b().daemon->Add(at_b_).ok());
  }
  static IkeSnapshot States(const IkeEnd& end) {
    auto states = end.daemon->States();
    EXPECT_TRUE(states.ok()) << states.status();
    return states.ok() ? *std::move(states) : IkeSnapshot{};
  }
  static InitiateReport Initiate(const IkeEnd& end, const ConnectionSpec& spec,
                                 absl::Duration deadline = absl::Seconds(20)) {
    auto report = end.daemon->Initiate(spec.name, deadline);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : InitiateReport{};
  }
  void BringUp() {
    PutSecrets('1');
    AddBoth();
    ASSERT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kEstablished);
    ASSERT_TRUE(Eventually([&] { return Children(b()) == 1; }));
  }
  static std::size_t Ikes(const IkeEnd& end) {
    const auto states = States(end);
    return static_cast<std::size_t>(
        std::count_if(states.ike_sas.begin(), states.ike_sas.end(), [](const auto& sa) { return sa.established; }));
  }
  static std::size_t Children(const IkeEnd& end) { return States(end).child_sas.size(); }
  static std::uint64_t NewestIke(const IkeEnd& end) {
    for (const auto& sa : States(end).ike_sas) {
      if (sa.newest) return sa.serial;
    }
    return 0;
  }

  std::unique_ptr<IkeWorld> world_;
  ConnectionSpec at_a_, at_b_;
};

TEST_P(IkeDaemonTest, TellsASupportedRelease) {  // R23
  const auto release = a().daemon->CheckVersion();
  ASSERT_TRUE(release.ok()) << release.status();
  EXPECT_TRUE(release->starts_with("4."));
}

TEST_P(IkeDaemonTest, ListsAConnectionWithItsFingerprint) {
  ASSERT_TRUE(a().daemon->Add(at_a_).ok());
  const auto snapshot = a().daemon->Snapshot();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->connections, Contains(at_a_.name));
  EXPECT_EQ(snapshot->fingerprints.at(at_a_.name), a().daemon->Fingerprint(at_a_));
  EXPECT_NE(a().daemon->Fingerprint(at_a_), a().daemon->Fingerprint(at_b_));
  ASSERT_TRUE(a().daemon->Delete(at_a_.name).ok());
  EXPECT_THAT(a().daemon->Snapshot()->connections, Not(Contains(at_a_.name)));
}

TEST_P(IkeDaemonTest, ReplacesAConnection) {
  ASSERT_TRUE(a().daemon->Add(at_a_).ok());
  at_a_.reqid = 102;
  ASSERT_TRUE(a().daemon->Add(at_a_).ok());
  EXPECT_EQ(a().daemon->Snapshot()->fingerprints.at(at_a_.name), a().daemon->Fingerprint(at_a_));
}

TEST_P(IkeDaemonTest, RefusesOtherPeoplesNames) {
  at_a_.name = "backhaul";
  EXPECT_TRUE(absl::IsInvalidArgument(a().daemon->Add(at_a_)));
  EXPECT_TRUE(absl::IsInvalidArgument(a().daemon->Delete("backhaul")));
  EXPECT_TRUE(absl::IsInvalidArgument(a().daemon->Initiate("backhaul", absl::Seconds(5)).status()));
}

TEST_P(IkeDaemonTest, R65OtherPeoplesConnectionsAreToldByNameOnly) {
  EXPECT_TRUE(a().daemon->TakeDown("nobody").ok());
  EXPECT_TRUE(a().daemon->BringUp("nobody").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(a().daemon->TakeDown("x2-henb-b.example-0")));
  EXPECT_TRUE(absl::IsInvalidArgument(a().daemon->BringUp("--shutdown")));
}

TEST_P(IkeDaemonTest, WhatIsNotThere) {
  EXPECT_TRUE(a().daemon->Delete("x2-nobody-0").ok());
  EXPECT_TRUE(a().daemon->DeleteState(987654).ok());
  EXPECT_TRUE(absl::IsNotFound(a().daemon->Initiate("x2-nobody-0", absl::Seconds(5)).status()));
  EXPECT_TRUE(absl::IsNotFound(a().daemon->Reauthenticate(987654)));
}

TEST_P(IkeDaemonTest, BringsALinkUpAndBothEndsAgreeOnIt) {  // R11
  PutSecrets('1');
  AddBoth();
  const InitiateReport report = Initiate(a(), at_a_);
  ASSERT_EQ(report.outcome, InitiateOutcome::kEstablished) << report.detail;
  ASSERT_TRUE(Eventually([&] { return Children(b()) == 1; }));
  const IkeSnapshot here = States(a());
  const IkeSnapshot there = States(b());
  ASSERT_THAT(here.ike_sas, SizeIs(1));
  ASSERT_THAT(here.child_sas, SizeIs(1));
  ASSERT_THAT(there.child_sas, SizeIs(1));
  EXPECT_EQ(here.child_sas[0].connection, at_a_.name);
  EXPECT_EQ(here.child_sas[0].ike_serial, here.ike_sas[0].serial);
  EXPECT_TRUE(here.child_sas[0].newest);
  EXPECT_EQ(here.child_sas[0].spi_out, there.child_sas[0].spi_in);
  EXPECT_EQ(here.child_sas[0].spi_in, there.child_sas[0].spi_out);
  EXPECT_EQ(report.child.serial, here.child_sas[0].serial);
  EXPECT_EQ(report.child.ike_serial, here.ike_sas[0].serial);
  EXPECT_EQ(report.child.spi_out, here.child_sas[0].spi_out);
  EXPECT_EQ(report.child.spi_in, here.child_sas[0].spi_in);
}

TEST_P(IkeDaemonTest, WorksOverIpv6) {
  PutSecrets('1');
  at_a_.local_address = at_a_.local_ike_address = at_b_.peer_address = at_b_.peer_ike_address = a().address6;
  at_a_.peer_address = at_a_.peer_ike_address = at_b_.local_address = at_b_.local_ike_address = b().address6;
  AddBoth();
  ASSERT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kEstablished);
  ASSERT_THAT(States(a()).child_sas, SizeIs(1));
  EXPECT_NE(States(a()).child_sas[0].spi_in, 0U);
}

TEST_P(IkeDaemonTest, RefusesAWrongSecretAndLeavesNothing) {  // R15
  PutSecret(a(), b(), '1');
  PutSecret(b(), a(), '2');
  AddBoth();
  EXPECT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kAuthenticationFailed);
  EXPECT_TRUE(Eventually([&] { return States(a()).ike_sas.empty() && States(b()).ike_sas.empty(); }));
}

TEST_P(IkeDaemonTest, ASecretCountsOnlyWhenReread) {
  PutSecrets('1');
  AddBoth();
  ASSERT_TRUE(b().secrets->Put(b().id, a().id, SecretBytes::CopyOf(std::string(32, '2'))).ok());
  EXPECT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kEstablished);
}

TEST_P(IkeDaemonTest, AMissingSecretOfOursIsNotThePeersRefusal) {
  PutSecret(b(), a(), '1');
  ASSERT_TRUE(a().daemon->RereadSecrets().ok());
  AddBoth();
  EXPECT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kOther);
}

TEST_P(IkeDaemonTest, TellsThatThePeerHasNoSuchConnection) {
  PutSecret(a(), b(), '1');
  ASSERT_TRUE(a().daemon->Add(at_a_).ok());
  EXPECT_EQ(Initiate(a(), at_a_, absl::Seconds(5)).outcome, InitiateOutcome::kNoProposalChosen);
}

TEST_P(IkeDaemonTest, TellsThatTheSuitesDoNotMeet) {  // R13
  PutSecrets('1');
  at_b_.ike_suites = {"aes_gcm128-sha2_384-ecp384"};
  AddBoth();
  EXPECT_EQ(Initiate(a(), at_a_, absl::Seconds(5)).outcome, InitiateOutcome::kNoProposalChosen);
}

TEST_P(IkeDaemonTest, TellsThatTheChildWasRefusedAndKeepsTheIkeSa) {
  PutSecrets('1');
  at_b_.esp_suites = {"aes_gcm128-none-ecp384"};
  AddBoth();
  EXPECT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kChildRefused);
  EXPECT_EQ(Ikes(a()), 1U);
  EXPECT_EQ(Children(a()), 0U);
  EXPECT_EQ(Initiate(a(), at_a_).outcome, InitiateOutcome::kChildRefused);
}

TEST_P(IkeDaemonTest, EveryFurtherInitiateMakesOneMoreChild) {
  BringUp();
  const InitiateReport report = Initiate(b(), at_b_);
  ASSERT_EQ(report.outcome, InitiateOutcome::kEstablished);
  EXPECT_EQ(Children(b()), 2U);
  EXPECT_EQ(Ikes(b()), 1U);
  EXPECT_EQ(report.child.ike_serial, NewestIke(b()));
}

/// The five steps, started by `from`.
void ChangeKey(IkeEnd& from, const ConnectionSpec& spec, IkeEnd& to) {
  auto before = from.daemon->States();
  ASSERT_TRUE(before.ok());
  ASSERT_THAT(before->ike_sas, SizeIs(1));
  const std::uint64_t old_ike = before->ike_sas[0].serial;
  ASSERT_TRUE(from.daemon->Reauthenticate(old_ike).ok());
  for (IkeEnd* end : {&from, &to}) {
    ASSERT_TRUE(Eventually([&] {
      const auto states = end->daemon->States();
      return states->ike_sas.size() == 2 && states->ike_sas[1].established && states->ike_sas[1].newest &&
             !states->ike_sas[0].newest && states->child_sas.size() == 1;
    }));
  }
  const auto report = from.daemon->Initiate(spec.name, absl::Seconds(20));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->outcome, InitiateOutcome::kEstablished) << report->detail;
  EXPECT_NE(report->child.ike_serial, old_ike);
  for (IkeEnd* end : {&from, &to}) {
    const auto states = end->daemon->States();
    ASSERT_THAT(states->child_sas, SizeIs(2));
    EXPECT_FALSE(states->child_sas[0].newest);
    EXPECT_TRUE(states->child_sas[1].newest);
    EXPECT_EQ(states->child_sas[1].ike_serial, states->ike_sas[1].serial);
  }
  ASSERT_TRUE(from.daemon->DeleteState(old_ike).ok());
  for (IkeEnd* end : {&from, &to}) {
    ASSERT_TRUE(Eventually([&] {
      const auto states = end->daemon->States();
      return states->ike_sas.size() == 1 && states->child_sas.size() == 1 && states->child_sas[0].newest;
    }));
  }
}

TEST_P(IkeDaemonTest, ChangesTheKeyInFiveSteps) {  // R20
  BringUp();
  PutSecrets('2');
  ChangeKey(a(), at_a_, b());
}

TEST_P(IkeDaemonTest, ChangesTheKeyFromTheEndThatWasTheResponder) {  // R20
  BringUp();
  PutSecrets('2');
  ChangeKey(b(), at_b_, a());
  PutSecrets('3');
  ChangeKey(a(), at_a_, b());
}

TEST_P(IkeDaemonTest, AWrongNewSecretLeavesTheOldSaAsItWas) {  // R20
  BringUp();
  const IkeSnapshot before = States(a());
  PutSecret(a(), b(), '2');
  ASSERT_TRUE(a().daemon->Reauthenticate(before.ike_sas[0].serial).ok());
  ASSERT_TRUE(Eventually([&] { return States(a()).ike_sas.size() == 1 && States(b()).ike_sas.size() == 1; }));
  const IkeSnapshot after = States(a());
  EXPECT_TRUE(after.ike_sas[0].newest);
  EXPECT_EQ(after.child_sas[0].spi_out, before.child_sas[0].spi_out);
  PutSecret(b(), a(), '2');
  ChangeKey(a(), at_a_, b());
}

TEST_P(IkeDaemonTest, DeletingTheIkeSaTakesItsChildrenAtBothEnds) {
  BringUp();
  ASSERT_TRUE(b().daemon->DeleteState(NewestIke(b())).ok());
  EXPECT_TRUE(Eventually([&] { return States(a()).ike_sas.empty() && Children(a()) == 0 && Children(b()) == 0; }));
}

TEST_P(IkeDaemonTest, DeletingAChildLeavesTheIkeSa) {
  BringUp();
  ASSERT_TRUE(a().daemon->DeleteState(States(a()).child_sas.at(0).serial).ok());
  EXPECT_TRUE(Eventually([&] { return Children(a()) == 0 && Children(b()) == 0; }));
  EXPECT_EQ(Ikes(a()), 1U);
  EXPECT_EQ(Ikes(b()), 1U);
}

TEST_P(IkeDaemonTest, DeletingAConnectionEndsItsSasAndLeavesThePeersConnection) {
  BringUp();
  ASSERT_TRUE(a().daemon->Delete(at_a_.name).ok());
  EXPECT_TRUE(Eventually([&] { return States(b()).ike_sas.empty() && Children(b()) == 0; }));
  EXPECT_THAT(b().daemon->Snapshot()->connections, Contains(at_b_.name));
  EXPECT_THAT(States(a()).ike_sas, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Daemons, IkeDaemonTest,
                         testing::Values(Kind{"Fake", MakeFakeWorld}, Kind{"Pluto", MakeRealWorld}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace henb::tests
