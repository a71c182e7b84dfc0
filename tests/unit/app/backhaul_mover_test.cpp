// The backhaul moves to the operator certificate (R65): a HeNB over fakes of pluto and kernel, a gateway in memory.
#include "henb-x2sec/app/backhaul/backhaul_mover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "loop_fixture.h"
#include "tests/support/fake_guard.h"
#include "tests/support/fake_ike_daemon.h"
#include "tests/support/fake_kernel_ipsec.h"
#include "tests/support/temp_directory.h"

namespace henb::x2sec::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kRoot[] = "CN=Operator root";
constexpr char kNew[] = "x2-backhaul.invalid-0";
constexpr char kOld[] = "backhaul";
constexpr int kOldReqid = 16001;
constexpr int kNewReqid = 7;

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

class BackhaulMoverTest : public tests::LoopFixture {
 protected:
  void SetUp() override {
    config = {.connection = kOld,
              .gateway = *ParseEnrolmentSeg("segw.example@10.8.0.254"),
              .local = Ip("10.200.0.1"),
              .network = *common::Cidr::Parse("10.100.0.0/16"),
              .probe = Ip("10.100.0.1"),
              .by_subject = true};
    henb.SetCertificate(ours, {.name = Id("henb-a.example"), .ca = kRoot, .subject = "CN=a"});
    segw.SetCertificate(theirs, {.name = Id("segw.example"), .ca = kRoot, .subject = "CN=segw"});
    for (tests::FakeIkeDaemon* each : {&henb, &segw}) {
      each->AddRoot(kRoot);
      ASSERT_TRUE(each->RereadCertificates().ok());
      ASSERT_TRUE(each->TrustNewRoots().ok());
    }
    henb.AddForeign(kOld);
    ASSERT_TRUE(segw.Add(GatewaysSpec(kRoot)).ok());
    henb.set_child_observer([this](const core::ConnectionSpec& spec, const core::ChildSa& child, bool up) {
      loop.Post([this, spec, child, up] {
        if (up) {
          AddWays(spec.local_ike_address, spec.peer_ike_address, spec.reqid, child.spi_out, child.spi_in);
        } else {
          kernel.EndSa(child.spi_out);
          kernel.EndSa(child.spi_in);
        }
        if (mirror) mirror->CheckKernel();
      });
    });
    OldIsUp();
    Start();
  }
  void TearDown() override {
    LoopFixture::TearDown();
    mover.reset();
  }

  void Start() {
    mover.reset();
    mirror = std::make_unique<SystemMirror>(
        SystemMirror::Parts{loop, &henb, kernel, guard, worker, worker, directory.path()},
        SystemMirror::Callbacks{.looked =
                                    [this] {
                                      if (mover) mover->Look();
                                    },
                                .ready = [this](const std::string&) { mover->Look(); },
                                .refused = [this](const std::string&, const absl::Status& why) { mover->Refused(why); },
                                .pluto_changed = [](bool) {}});
    key_changes = std::make_unique<KeyChanges>(
        KeyChanges::Parts{loop, clock, &henb, *mirror, worker, worker, prober,
                          [this](const std::string&, std::uint32_t spi) { mover->PinMoved(spi); }});
    ASSERT_TRUE(mirror->TakeStock().ok());
    mover = std::make_unique<BackhaulMover>(
        BackhaulMover::Parts{.config = config,
                             .old_reqid = kOldReqid,
                             .new_reqid = kNewReqid,
                             .loop = loop,
                             .clock = clock,
                             .random = random,
                             .ike = henb,
                             .mirror = *mirror,
                             .key_changes = *key_changes,
                             .prober = prober,
                             .ike_worker = worker,
                             .initiate_worker = worker,
                             .spec = [this] { return Spec(); },
                             .may_try = [] { return true; },
                             .is_ours = [](const auto& address) { return address == Ip("10.8.0.1"); },
                             .push_desired = [this] { Push(); }});
    mover->Start();
    Push();
    Settle();
  }
  void Push() {
    core::Desired desired;
    desired.guard.ports = core::X2Ports();
    desired.guard.backhaul_reqid = kOldReqid;
    desired.own_reqids = {kNewReqid};
    mover->AddTo(desired);
    mirror->SetDesired(std::move(desired));
  }
  absl::StatusOr<core::ConnectionSpec> Spec() {
    if (!enrolled) return absl::FailedPreconditionError("there is no operator certificate yet");
    if (!routed) return absl::UnavailableError("no route");
    core::ConnectionSpec spec;
    spec.name = kNew;
    spec.local_id = Id("henb-a.example");
    spec.local_id_is_subject = true;
    spec.peer_id = Id("segw.example");
    spec.local_address = config.local;
    spec.peer_address = config.probe;
    spec.peer_network = config.network;
    spec.local_ike_address = Ip("10.8.0.1");
    spec.peer_ike_address = *config.gateway.address;
    spec.reqid = kNewReqid;
    spec.auth = core::IkeAuth::kCertificate;
    spec.local_ckaid = ours;
    spec.local_subject = "CN=a";
    spec.expected_ca = kRoot;
    spec.ike_suites = {"aes_gcm256-sha2_256-ecp256"};
    spec.esp_suites = {"aes_gcm256-none-ecp256"};
    return spec;
  }
  core::ConnectionSpec GatewaysSpec(const std::string& ca) {
    core::ConnectionSpec spec;
    spec.name = "x2-henb-a.example-0";
    spec.local_id = Id("segw.example");
    spec.peer_id = Id("henb-a.example");
    spec.local_address = config.probe;
    spec.peer_address = config.local;
    spec.local_ike_address = *config.gateway.address;
    spec.peer_ike_address = Ip("10.8.0.1");
    spec.reqid = 9;
    spec.auth = core::IkeAuth::kCertificate;
    spec.local_ckaid = theirs;
    spec.expected_ca = ca;
    spec.ike_suites = {"aes_gcm256-sha2_256-ecp256"};
    spec.esp_suites = {"aes_gcm256-none-ecp256"};
    return spec;
  }
  void AddWays(const common::IpAddress& here, const common::IpAddress& there, int reqid, std::uint32_t out,
               std::uint32_t in) {
    core::SaInfo sa;
    sa.reqid = reqid;
    sa.spi = out;
    sa.source = here;
    sa.destination = there;
    core::SaInfo back = sa;
    back.spi = in;
    std::swap(back.source, back.destination);
    kernel.AddSa(back);  // the kernel lists them as it likes
    kernel.AddSa(sa);
  }
  void OldIsUp() { AddWays(Ip("10.8.0.1"), Ip("10.8.0.254"), kOldReqid, 0x51, 0x52); }
  void OldIsDown() {
    kernel.EndSa(0x51);
    kernel.EndSa(0x52);
    mirror->CheckKernel();
    Settle();
  }
  void Enrol() {
    enrolled = true;
    Later();
  }
  void Later(int seconds = 2) {
    for (int i = 0; i < seconds; ++i) Advance(absl::Seconds(1));
  }
  void SomethingComesIn() {
    const auto before = kernel.Snapshot().value();
    for (const core::SaInfo& sa : before.sas) {
      if (sa.reqid == kNewReqid) kernel.CountBytes(sa.spi, 84);
    }
    mirror->CheckKernel();
    Settle();
  }
  void Move() {
    Enrol();
    SomethingComesIn();
    Later(1);
    ASSERT_TRUE(mover->moved()) << mover->problem();
    OldIsDown();
  }
  /// Where outbound traffic goes: the reqid of the kernel's pin; 0: there is none.
  int Outbound() const {
    const auto pins = const_cast<tests::FakeKernelIpsec&>(kernel).Snapshot()->tunnel_pins;
    return pins.empty() ? 0 : pins.front().reqid;
  }

  const std::string ours = std::string(40, 'a'), theirs = std::string(40, 'b');
  BackhaulMoveConfig config;
  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon henb{network, nullptr};
  tests::FakeIkeDaemon segw{network, nullptr};
  tests::FakeKernelIpsec kernel;
  tests::FakeGuard guard;
  tests::TempDirectory directory;
  bool enrolled = false;
  bool routed = true;
  Prober prober;
  std::unique_ptr<SystemMirror> mirror;
  std::unique_ptr<KeyChanges> key_changes;
  std::unique_ptr<BackhaulMover> mover;
};

TEST_F(BackhaulMoverTest, R65BeforeEnrolmentNothingIsTouched) {
  Later(5);
  EXPECT_EQ(Outbound(), 0);
  EXPECT_THAT(henb.Snapshot()->connections, ElementsAre(kOld));
  EXPECT_EQ(henb.calls("TakeDown") + henb.calls("BringUp"), 0);
  EXPECT_THAT(mover->problem(), HasSubstr("no operator certificate"));
}

TEST_F(BackhaulMoverTest, R65TheOldOneGoesOnceTheNewOneCarries) {
  Enrol();
  EXPECT_THAT(henb.States()->child_sas, testing::SizeIs(1));
  EXPECT_EQ(Outbound(), kNewReqid) << "traffic is there, to prove it";
  EXPECT_EQ(henb.calls("TakeDown"), 0) << "nothing has come in yet";
  EXPECT_FALSE(mover->moved());
  SomethingComesIn();
  Later(1);
  EXPECT_TRUE(mover->moved());
  EXPECT_EQ(mover->problem(), "");
  EXPECT_EQ(henb.calls("TakeDown"), 1);
  EXPECT_EQ(guard.applied.back().moved_reqid, kNewReqid);
}

TEST_F(BackhaulMoverTest, R65WithoutProofTheOldOneCarriesAgain) {
  Enrol();
  Later(12);
  EXPECT_EQ(Outbound(), kOldReqid);
  EXPECT_EQ(henb.calls("TakeDown"), 0);
  EXPECT_THAT(mover->problem(), HasSubstr("nothing came in"));
}

TEST_F(BackhaulMoverTest, R65AGatewayThatRefusesLeavesTheOldOne) {
  ASSERT_TRUE(segw.Add(GatewaysSpec("CN=Vendor root")).ok());
  Enrol();
  EXPECT_EQ(kernel.Snapshot()->tunnel_pins.front().peer_end, Ip("10.8.0.254"));
  EXPECT_EQ(Outbound(), kOldReqid) << "ours already, so that nothing of pluto's gets in the way";
  EXPECT_THAT(mover->problem(), HasSubstr("AUTHENTICATION_FAILED"));
  const int tried = henb.calls("Initiate");
  Later(60);
  EXPECT_GT(henb.calls("Initiate"), tried);
  EXPECT_LT(henb.calls("Initiate"), tried + 6) << "with back-off";
  EXPECT_EQ(henb.calls("TakeDown"), 0);
}

TEST_F(BackhaulMoverTest, R65AGatewayWithAnRsaKeyIsTakenAtTheNextTry) {
  segw.SetCertificate(theirs, {.name = Id("segw.example"), .ca = kRoot, .subject = "CN=segw", .rsa = true});
  ASSERT_TRUE(segw.RereadCertificates().ok());
  core::ConnectionSpec gateways = GatewaysSpec(kRoot);
  gateways.local_key_is_rsa = true;
  ASSERT_TRUE(segw.Add(gateways).ok());
  Enrol();
  EXPECT_EQ(Outbound(), kOldReqid);
  EXPECT_THAT(mover->problem(), HasSubstr("requires policy"));
  for (int i = 0; i < 60 && henb.States()->child_sas.empty(); ++i) Later(1);
  SomethingComesIn();
  Later(1);
  EXPECT_TRUE(mover->moved()) << mover->problem();
  EXPECT_EQ(henb.calls("Initiate"), 2);
}

TEST_F(BackhaulMoverTest, R65ARestartOfX2secdChangesNothing) {
  Move();
  const auto before = kernel.calls.size();
  const int tried = henb.calls("Initiate");
  Start();
  Later(3);
  EXPECT_TRUE(mover->moved());
  EXPECT_EQ(Outbound(), kNewReqid);
  EXPECT_EQ(henb.calls("Initiate"), tried);
  for (std::size_t i = before; i < kernel.calls.size(); ++i) {
    EXPECT_FALSE(kernel.calls[i].starts_with("SetTunnelPin") || kernel.calls[i].starts_with("DeleteSa"))
        << kernel.calls[i];
  }
}

TEST_F(BackhaulMoverTest, R65WhenTheGatewayDropsUsTheOldOneIsBroughtUp) {
  Move();
  ASSERT_TRUE(segw.Add(GatewaysSpec("CN=Vendor root")).ok());  // its SAs end with it
  Later(8);
  EXPECT_FALSE(mover->moved());
  EXPECT_TRUE(henb.foreign_up(kOld));
  OldIsUp();
  mirror->CheckKernel();
  Later(2);
  EXPECT_EQ(Outbound(), kOldReqid);
}

TEST_F(BackhaulMoverTest, R65ARenewalChangesTheKeyInItsPlace) {
  Move();
  const auto before = henb.States()->child_sas;
  std::optional<absl::Status> done;
  mover->ChangeKey([&done](const absl::Status& status) { done = status; });
  for (int i = 0; i < 150 && !done; ++i) {
    Advance(absl::Milliseconds(200));
    SomethingComesIn();
  }
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->ok()) << *done;
  EXPECT_NE(henb.States()->child_sas.front().spi_out, before.front().spi_out);
  EXPECT_EQ(kernel.Snapshot()->tunnel_pins.front().spi_out, std::nullopt) << "by reqid again: the gateway may rekey";
  EXPECT_TRUE(mover->moved());
}

TEST_F(BackhaulMoverTest, R65ARouteThatIsAwayTakesNothingDown) {
  Move();
  routed = false;
  Later(5);
  EXPECT_TRUE(mover->moved());
  EXPECT_THAT(henb.States()->child_sas, testing::SizeIs(1));
}

TEST_F(BackhaulMoverTest, R65WithoutItsKeyTheNewOneGoes) {
  Move();
  enrolled = false;
  mirror->CheckKernel();
  Later(8);
  EXPECT_THAT(henb.States()->child_sas, IsEmpty());
  EXPECT_TRUE(henb.foreign_up(kOld));
  EXPECT_EQ(Outbound(), kOldReqid) << "or nothing, but never in clear";
  Start();
  EXPECT_EQ(Outbound(), kOldReqid) << "a restart does not open it";
}

}  // namespace
}  // namespace henb::x2sec::app
