#include "henb-x2sec/app/enrolment/enrolment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "device_files.h"
#include "loop_fixture.h"
#include "tests/support/fake_enroller.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;

class EnrolmentTest : public tests::LoopFixture {
 protected:
  void SetUp() override { Make(&enroller); }
  void Make(core::Enroller* with) {
    credentials = std::make_unique<Credentials>(*Credentials::Load(device.config, store));
    enrolment = std::make_unique<Enrolment>(
        Enrolment::Parts{.config = device.config,
                         .loop = loop,
                         .clock = clock,
                         .random = random,
                         .worker = worker,
                         .enroller = with,
                         .store = store,
                         .ike = ike,
                         .credentials = *credentials,
                         .clock_sane = [this] { return clock_sane; },
                         .replacing =
                             [this](const std::string& ckaid) {
                               replaced.push_back(ckaid);
                               return can_note;
                             },
                         .open_way = [this](std::function<void(absl::Status)> opened) { way = std::move(opened); },
                         .close_way = [this] { ++closed; },
                         .done = [this] { ++done; },
                         .failed = [this](const absl::Status& s) { failures.push_back(s); }});
  }
  static policy::Enrolment Terms() {
    policy::Enrolment terms;
    terms.server_url = "http://10.100.0.2:8080/pkix/";
    terms.recipient = "/O=Operator/CN=RA";
    return terms;
  }
  void Begin() {
    enrolment->SetTerms(Terms());
    enrolment->Request();
    Settle();
  }
  std::vector<std::string> Steps() {
    std::vector<std::string> out;
    for (const auto& step : enrolment->View().steps) out.push_back(step.step);
    return out;
  }

  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon ike{network, nullptr};
  tests::FakeEnroller enroller{device.operator_root};
  std::unique_ptr<Credentials> credentials;
  std::unique_ptr<Enrolment> enrolment;
  bool clock_sane = true;
  absl::Status can_note;
  std::vector<std::string> replaced;
  std::function<void(absl::Status)> way;
  int closed = 0;
  int done = 0;
  std::vector<absl::Status> failures;
};

TEST_F(EnrolmentTest, EnrolsInstallsAndTellsPluto) {
  EXPECT_EQ(enrolment->View().state, "NONE");
  Begin();
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(failures.empty());
  EXPECT_TRUE(credentials->Enrolled(clock.Now()));
  EXPECT_EQ(ike.calls("RereadCertificates"), 1);
  EXPECT_EQ(ike.calls("TrustNewRoots"), 1);
  EXPECT_EQ(store.Keys()->size(), 1U);
  const control::EnrolmentView view = enrolment->View();
  EXPECT_EQ(view.state, "ENROLLED");
  EXPECT_EQ(view.server, "http://10.100.0.2:8080/pkix/");
  EXPECT_EQ(view.transport, "BACKHAUL");
  EXPECT_EQ(view.certificate->serial, credentials->operator_credential()->certificate.serial_hex());
  ASSERT_TRUE(view.renewal_due);
  EXPECT_LT(*view.renewal_due, view.certificate->not_after);
  EXPECT_THAT(Steps(), ::testing::ElementsAre("enrolment.started", "enrolment.succeeded"));
  const core::EnrolRequest request = enroller.requests().at(0);
  EXPECT_EQ(request.identity.str(), "henb-a.example");
  EXPECT_EQ(request.vendor_chain.size(), 2U);
  EXPECT_EQ(request.operator_roots.size(), 1U);
  EXPECT_TRUE(request.require_pkiconf);
  EXPECT_FALSE(request.allow_implicit_confirm);
}

TEST_F(EnrolmentTest, IsOneProcedureForAllLinks) {
  enrolment->SetTerms(Terms());
  for (int i = 0; i < 5; ++i) enrolment->Request();
  Settle();
  enrolment->Request();
  Settle();
  EXPECT_EQ(enroller.requests().size(), 1U);
  EXPECT_EQ(done, 1);
}

TEST_F(EnrolmentTest, AnUnreachableRaIsTriedAgainSoon) {
  for (int i = 0; i < 3; ++i) enroller.FailNext(absl::UnavailableError("cmp.unreachable: no route"));
  Begin();
  EXPECT_EQ(failures.size(), 1U);
  EXPECT_EQ(enrolment->View().state, "FAILED");
  ASSERT_TRUE(enrolment->View().next_attempt);
  EXPECT_LE(*enrolment->View().next_attempt - clock.Now(), absl::Seconds(2.5));
  enrolment->Request();
  Settle();
  EXPECT_EQ(enroller.requests().size(), 1U) << "it waits for its time";
  for (int i = 0; i < 18; ++i) Advance(absl::Seconds(1));
  EXPECT_EQ(done, 1) << "2 + 4 + 8 s and jitter";
}

TEST_F(EnrolmentTest, ARefusalIsTriedAgainFrom5SecondsTo5Minutes) {
  for (int i = 0; i < 20; ++i) enroller.FailNext(absl::PermissionDeniedError("cmp.refused: badRequest"));
  Begin();
  EXPECT_GE(*enrolment->View().next_attempt - clock.Now(), absl::Seconds(3.75));
  EXPECT_THAT(Steps(), ::testing::Contains("cmp.refused"));
  for (int i = 0; i < 3600; i += 10) Advance(absl::Seconds(10));
  EXPECT_GE(enroller.requests().size(), 12U);
  EXPECT_LE(enroller.requests().size(), 22U);
  EXPECT_LE(*enrolment->View().next_attempt - clock.Now(), absl::Minutes(6.25));
}

TEST_F(EnrolmentTest, AnOpenPathShortensTheWait) {
  for (int i = 0; i < 9; ++i) enroller.FailNext(absl::UnavailableError("no route"));
  Begin();
  for (int i = 0; i < 60; ++i) Advance(absl::Seconds(10));
  const std::size_t before = enroller.requests().size();
  ASSERT_EQ(before, 9U);
  enrolment->PathChanged();
  Advance(absl::Seconds(2));
  EXPECT_EQ(done, 1);
}

TEST_F(EnrolmentTest, R39ThePolicysNemIsAskedAndVerifiedToItsRoot) {
  policy::Enrolment terms;
  terms.nem_url = "https://nem.operator.example:8445";
  terms.nem_address = common::IpAddress::Parse("10.100.0.12").value();
  enrolment->SetTerms(terms);
  enrolment->Request();
  Settle();
  EXPECT_EQ(done, 1);
  const core::NemTerms nem = enroller.requests().back().nem.value();
  EXPECT_EQ(nem.url, "https://nem.operator.example:8445");
  EXPECT_EQ(nem.address, terms.nem_address);
  ASSERT_EQ(nem.server_roots.size(), 1U);
  EXPECT_EQ(nem.server_roots[0].der(), device.operator_root.certificate().der());
  EXPECT_EQ(enrolment->View().server, "https://nem.operator.example:8445");
  terms.nem_trust = policy::NemTrust::kVendorRoot;
  enrolment->SetTerms(terms);
  ASSERT_TRUE(enrolment->Now().ok());
  Settle();
  const core::NemTerms by_vendor = enroller.requests().back().nem.value();
  EXPECT_EQ(by_vendor.server_roots.at(0).der(), credentials->vendor_roots().at(0).der());
}

TEST_F(EnrolmentTest, OtherTermsAreTriedAtOnce) {
  enroller.FailNext(absl::PermissionDeniedError("no"));
  Begin();
  policy::Enrolment other = Terms();
  other.server_url = "http://10.100.0.9/";
  enrolment->SetTerms(other);
  Settle();
  EXPECT_EQ(enroller.requests().back().server_url, "http://10.100.0.9/");
  EXPECT_EQ(done, 1);
}

TEST_F(EnrolmentTest, ARequestWaitsForTerms) {
  enrolment->Request();
  Settle();
  EXPECT_THAT(failures.at(0).ToString(), HasSubstr("names no enrolment"));
  enrolment->SetTerms(Terms());
  Settle();
  EXPECT_EQ(done, 1);
}

TEST_F(EnrolmentTest, R38ByInitialIpsecTheWayIsOpenedFirstAndClosedAfterwards) {
  policy::Enrolment terms = Terms();
  terms.transport = policy::Transport::kInitialIpsec;
  enrolment->SetTerms(terms);
  enrolment->Request();
  Settle();
  ASSERT_TRUE(way);
  EXPECT_TRUE(enroller.requests().empty()) << "not before";
  EXPECT_EQ(enrolment->View().state, "RUNNING");
  way(absl::OkStatus());
  EXPECT_EQ(closed, 0);
  Settle();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(closed, 1);
}

TEST_F(EnrolmentTest, InitialIpsecFailsWithTheReasonAndAsksNobody) {
  policy::Enrolment terms = Terms();
  terms.transport = policy::Transport::kInitialIpsec;
  enrolment->SetTerms(terms);
  enrolment->Request();
  Settle();
  way(absl::UnavailableError("initial_ipsec.seg_not_trusted: segw.example: no"));
  Settle();
  EXPECT_TRUE(enroller.requests().empty());
  EXPECT_EQ(closed, 1);
  EXPECT_THAT(Steps(), ::testing::Contains("initial_ipsec.seg_not_trusted"));
  way = nullptr;
  Advance(absl::Seconds(4));
  EXPECT_TRUE(way);
}

TEST_F(EnrolmentTest, R3WithoutCmpItSaysSo) {
  Make(nullptr);
  Begin();
  EXPECT_EQ(failures.size(), 1U);
  EXPECT_EQ(enrolment->View().state, "FAILED");
  EXPECT_EQ(enrolment->Now().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(EnrolmentTest, NowDoesNotWait) {
  enroller.FailNext(absl::PermissionDeniedError("no"));
  Begin();
  ASSERT_TRUE(enrolment->Now().ok());
  EXPECT_EQ(enrolment->Now().code(), absl::StatusCode::kFailedPrecondition) << "one is running";
  EXPECT_EQ(enrolment->View().state, "RUNNING");
  Settle();
  EXPECT_EQ(done, 1);
  ASSERT_TRUE(enrolment->Now().ok()) << "again, though enrolled";
  Settle();
  EXPECT_EQ(enroller.requests().size(), 3U);
}

TEST_F(EnrolmentTest, R32ARenewalIsSignedByTheCertificateHeldWhoseKeyIsNotedAsSuperseded) {
  Begin();
  const Credential held = *credentials->operator_credential();
  EXPECT_TRUE(replaced.empty());
  EXPECT_TRUE(enroller.requests().at(0).current_chain.empty());
  enrolment->Renew();
  Settle();
  ASSERT_EQ(enroller.requests().size(), 2U);
  ASSERT_EQ(enroller.requests().at(1).current_chain.size(), 1U);
  EXPECT_EQ(enroller.requests().at(1).current_chain.front().der(), held.certificate.der());
  EXPECT_THAT(replaced, ::testing::ElementsAre(held.ckaid));
  EXPECT_NE(credentials->operator_credential()->ckaid, held.ckaid);
  EXPECT_EQ(done, 2);
  EXPECT_FALSE(enroller.Unfinished());
  EXPECT_EQ(store.Keys()->size(), 2U) << "the old one is others' to remove";
}

TEST_F(EnrolmentTest, R34NothingBeginsBeforeTheSupersededKeyIsNoted) {
  Begin();
  can_note = absl::InternalError("disk full");
  enrolment->Renew();
  Settle();
  EXPECT_EQ(enroller.requests().size(), 1U);
  EXPECT_EQ(enrolment->View().state, "ENROLLED");
  ASSERT_TRUE(enrolment->View().next_attempt);
  can_note = absl::OkStatus();
  Advance(absl::Seconds(7));
  EXPECT_EQ(done, 2);
}

TEST_F(EnrolmentTest, R32AFailedRenewalIsTriedAgainTheMoreOftenTheLessIsLeft) {
  enroller.set_validity(clock.Now(), clock.Now() + absl::Hours(20));
  Begin();
  for (int i = 0; i < 100; ++i) enroller.FailNext(absl::PermissionDeniedError("cmp.refused: not now"));
  Advance(absl::Hours(12));
  enrolment->Renew();
  Settle();
  EXPECT_EQ(enrolment->View().state, "ENROLLED") << "the old one is as good as before";
  const auto tries_in = [this](absl::Duration time) {
    const std::size_t before = enroller.requests().size();
    for (absl::Duration passed; passed < time; passed += absl::Minutes(1)) {
      Advance(absl::Minutes(1));
      enrolment->Renew();
    }
    return enroller.requests().size() - before;
  };
  tries_in(absl::Hours(1));
  EXPECT_LE(tries_in(absl::Hours(2)), 6U) << "7 h are left: every 26 minutes or so";
  tries_in(absl::Hours(3));
  EXPECT_GE(tries_in(absl::Hours(1)), 8U) << "2 h are left: every 7 minutes at first";
}

TEST_F(EnrolmentTest, R32AnExpiredCertificateIsReplacedToo) {
  enroller.set_validity(clock.Now(), clock.Now() + absl::Hours(1));
  Begin();
  const std::string old_key = credentials->operator_credential()->ckaid;
  enroller.set_validity(clock.Now(), clock.Now() + absl::Hours(9));
  Advance(absl::Hours(2));
  EXPECT_FALSE(credentials->Enrolled(clock.Now()));
  enrolment->Request();
  Settle();
  EXPECT_TRUE(credentials->Enrolled(clock.Now()));
  EXPECT_THAT(replaced, ::testing::ElementsAre(old_key));
}

TEST_F(EnrolmentTest, R34WhatAnEarlierRunWasCutOffInGoesOn) {
  enrolment->SetTerms(Terms());
  enrolment->Resume();
  Settle();
  EXPECT_TRUE(enroller.requests().empty()) << "there was nothing";
  enroller.CutOff();
  enrolment->Resume();
  Settle();
  EXPECT_EQ(done, 1);
  enroller.CutOff();  // a renewal, this time
  enrolment->Resume();
  Settle();
  EXPECT_EQ(done, 2);
}

TEST_F(EnrolmentTest, R57NothingIsAskedWithAClockThatIsWrong) {
  clock_sane = false;
  Begin();
  EXPECT_TRUE(enroller.requests().empty());
  EXPECT_EQ(enrolment->Now().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(failures.at(0).ToString(), HasSubstr("clock"));
  enrolment->Renew();
  Settle();
  EXPECT_TRUE(enroller.requests().empty());
  clock_sane = true;
  enrolment->PathChanged();
  Settle();
  EXPECT_EQ(done, 1);
}

TEST_F(EnrolmentTest, APlutoThatIsDownDoesNotUndoIt) {
  ike.Kill();
  Begin();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(enrolment->View().state, "ENROLLED");
}

TEST_F(EnrolmentTest, ACertificateThatCannotBeKeptIsNotEnrolled) {
  device.config.state_dir = "/nonexistent";
  Begin();
  EXPECT_EQ(done, 0);
  EXPECT_FALSE(credentials->Enrolled(clock.Now()));
  EXPECT_THAT(failures.at(0).ToString(), HasSubstr("keeping the operator certificate"));
}

TEST_F(EnrolmentTest, R27R61WithoutARootItNeedsAPolicyThatLetsOneIn) {
  device.config.operator_root.reset();
  Make(&enroller);
  Begin();
  EXPECT_TRUE(enroller.requests().empty());
  EXPECT_THAT(std::string(failures.at(0).message()), HasSubstr("late_binding"));
  policy::Enrolment terms = Terms();
  terms.pinned_roots = {device.operator_root.certificate().spki()};
  terms.late_binding = policy::LateBinding{.root_spki = {}, .root_subject = "/O=Operator/CN=Operator root"};
  enrolment->SetTerms(terms);
  Settle();
  ASSERT_EQ(enroller.requests().size(), 1U);
  const core::EnrolRequest request = enroller.requests().at(0);
  EXPECT_TRUE(request.operator_roots.empty());
  EXPECT_EQ(request.root_terms.pinned, terms.pinned_roots);
  EXPECT_EQ(request.root_terms.bound_subject, "/O=Operator/CN=Operator root");
  EXPECT_EQ(request.root_terms.vendor_roots.size(), 1U);
}

TEST(OperatorRoots, ALearnedRootCountsAsLongAsThePolicyLetsItIn) {
  const tests::TestAuthority authority = tests::TestAuthority::Root("/O=Operator/CN=Operator root");
  const std::vector<OperatorRoot> late = {{authority.certificate(), "LATE_BINDING", absl::UnixEpoch()}};
  policy::Enrolment terms;
  EXPECT_TRUE(UsableRoots(terms, late).empty());
  terms.late_binding = policy::LateBinding{.root_spki = {}, .root_subject = "/O=Operator/CN=Operator root"};
  EXPECT_EQ(UsableRoots(terms, late).size(), 1U);
  terms.late_binding->root_subject = "/O=Operator 2/CN=Operator root";
  EXPECT_TRUE(UsableRoots(terms, late).empty()) << "another operator's policy";
  terms.late_binding->root_spki = authority.certificate().spki();
  EXPECT_EQ(UsableRoots(terms, late).size(), 1U);
  terms = {};
  terms.pinned_roots = {authority.certificate().spki()};
  EXPECT_EQ(UsableRoots(terms, late).size(), 1U);
  EXPECT_EQ(UsableRoots({}, {{authority.certificate(), "FILE", absl::InfinitePast()}}).size(), 1U);
}

}  // namespace
}  // namespace henb::x2sec::app
