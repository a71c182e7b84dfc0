// The tunnel to an enrolment SEG (R38), with a SEG in memory.
#include "henb-x2sec/app/enrolment/initial_ipsec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "loop_fixture.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kOperator[] = "CN=Operator root";
constexpr char kVendor[] = "CN=Vendor root";

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

class InitialIpsecTest : public tests::LoopFixture {
 protected:
  void SetUp() override {
    const std::string ours(40, 'a');
    const std::string segs(40, 'b');
    henb.SetCertificate(ours, {.name = Id("henb-a.example"), .ca = kVendor, .subject = ""});
    henb.AddRoot(kOperator);
    seg.SetCertificate(segs, {.name = Id("segw.example"), .ca = seg_anchor, .subject = ""});
    seg.AddRoot(kVendor);
    for (tests::FakeIkeDaemon* each : {&henb, &seg}) {
      ASSERT_TRUE(each->RereadCertificates().ok());
      ASSERT_TRUE(each->TrustNewRoots().ok());
    }
    ASSERT_TRUE(
        seg.Add(Spec("x2-henb-a.example-0", "segw.example", "henb-a.example", "10.8.0.253", "10.8.0.1", segs, kVendor))
            .ok());
    initial = std::make_unique<InitialIpsec>(InitialIpsec::Parts{
        .loop = loop,
        .clock = clock,
        .initiate_worker = worker,
        .ike = &henb,
        .spec_for = [this, ours](const EnrolmentSeg& to,
                                 const common::IpAddress&) -> absl::StatusOr<core::ConnectionSpec> {
          if (!missing.empty()) return absl::FailedPreconditionError(missing);
          return Spec("x2-initial-ipsec.invalid-0", "henb-a.example", to.identity.str(), "10.8.0.1",
                      to.address->ToString(), ours, kOperator);
        },
        .wanted_changed =
            [this] {
              ASSERT_TRUE(henb.Delete("x2-initial-ipsec.invalid-0").ok());
              if (initial->wanted() && plutos_takes_it) {
                ASSERT_TRUE(henb.Add(*initial->wanted()).ok());
              }
            },
        .renew = [this](const std::string&) { ++renewed; },
        .in_pluto = [this](const std::string&) { return plutos_takes_it; },
        .in_kernel = [this](const core::ConnectionSpec&) { return !henb.States()->child_sas.empty(); },
        .look_up = [this](const std::string& host) -> absl::StatusOr<std::vector<common::IpAddress>> {
          looked_up.push_back(host);
          const auto found = names.find(host);
          if (found == names.end()) return absl::UnavailableError("no such name");
          return found->second;
        }});
  }
  static core::ConnectionSpec Spec(const std::string& name, const std::string& me, const std::string& peer,
                                   const std::string& here, const std::string& there, const std::string& ckaid,
                                   const std::string& ca) {
    core::ConnectionSpec spec;
    spec.name = name;
    spec.local_id = Id(me);
    spec.peer_id = Id(peer);
    spec.local_address = spec.local_ike_address = Ip(here);
    spec.peer_address = spec.peer_ike_address = Ip(there);
    spec.reqid = 77;
    spec.auth = core::IkeAuth::kCertificate;
    spec.local_ckaid = ckaid;
    spec.expected_ca = ca;
    spec.ike_suites = {"aes_gcm256-sha2_256-ecp256"};
    spec.esp_suites = {"aes_gcm256-none-ecp256"};
    return spec;
  }
  void Open(const std::vector<EnrolmentSeg>& segs) {
    initial->Open(segs, Ip("10.100.0.10"), [this](const absl::Status& status) { answer = status; });
    Settle();
  }
  static EnrolmentSeg Seg(std::string_view text) { return *ParseEnrolmentSeg(text); }

  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon henb{network, nullptr};
  tests::FakeIkeDaemon seg{network, nullptr};
  std::string seg_anchor = kOperator;
  std::string missing;
  bool plutos_takes_it = true;
  int renewed = 0;
  std::map<std::string, std::vector<common::IpAddress>> names;
  std::vector<std::string> looked_up;
  std::unique_ptr<InitialIpsec> initial;
  std::optional<absl::Status> answer;
};

TEST_F(InitialIpsecTest, R38OpensAndLeavesNothingBehind) {
  Open({Seg("segw.example@10.8.0.253")});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->ok()) << *answer;
  EXPECT_THAT(seg.States()->child_sas, SizeIs(1));
  ASSERT_TRUE(initial->wanted());
  EXPECT_EQ(initial->wanted()->expected_ca, kOperator);
  initial->Close();
  EXPECT_FALSE(initial->wanted());
  EXPECT_THAT(seg.States()->ike_sas, SizeIs(0));
  EXPECT_THAT(henb.Snapshot()->connections, SizeIs(0));
}

TEST_F(InitialIpsecTest, R38ASegWithAnRsaKeyIsTakenAtTheSecondTry) {
  seg.SetCertificate(std::string(40, 'b'), {.name = Id("segw.example"), .ca = kOperator, .subject = "", .rsa = true});
  ASSERT_TRUE(seg.RereadCertificates().ok());
  Open({Seg("segw.example@10.8.0.253")});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->ok()) << *answer;
  EXPECT_EQ(henb.calls("Initiate"), 2);
  EXPECT_EQ(renewed, 1);
}

TEST_F(InitialIpsecTest, R38ASegThatIsNotTheOperatorsIsNotTrusted) {
  seg.SetCertificate(std::string(40, 'b'), {.name = Id("segw.example"), .ca = kVendor, .subject = ""});
  ASSERT_TRUE(seg.RereadCertificates().ok());
  Open({Seg("segw.example@10.8.0.253")});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(absl::IsUnavailable(*answer)) << "tried again with back-off";
  EXPECT_THAT(std::string(answer->message()), StartsWith("initial_ipsec.seg_not_trusted: segw.example: "));
  EXPECT_FALSE(initial->wanted());
  EXPECT_THAT(seg.States()->ike_sas, SizeIs(0));
}

TEST_F(InitialIpsecTest, R38R66TheNextSegOfTheListIsTried) {
  Open({Seg("other.example@10.8.0.252"), Seg("segw.example@10.8.0.253")});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->ok()) << *answer;
  EXPECT_EQ(initial->wanted()->peer_id.str(), "segw.example");
}

TEST_F(InitialIpsecTest, R66ASegKnownByItsNameIsLookedUpWhenItsTurnComes) {
  names["segw.example"] = {Ip("10.8.0.252"), Ip("10.8.0.253")};
  Open({{std::nullopt, Id("nowhere.example")}, {std::nullopt, Id("segw.example")}});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->ok()) << *answer;
  EXPECT_EQ(initial->wanted()->peer_ike_address, Ip("10.8.0.253")) << "nobody is at the first of its addresses";
  EXPECT_EQ(looked_up, (std::vector<std::string>{"nowhere.example", "segw.example"}));
}

TEST_F(InitialIpsecTest, R66ANameThatIsNotFoundIsUnreachable) {
  Open({{std::nullopt, Id("nowhere.example")}});
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->ToString(), HasSubstr("initial_ipsec.unreachable: nowhere.example: no such name"));
}

TEST_F(InitialIpsecTest, R38SaysWhyNoneLetsItIn) {
  Open({});
  EXPECT_THAT(answer->ToString(), HasSubstr("initial_ipsec.no_seg"));
  network.Cut(true);
  Open({Seg("segw.example@10.8.0.253")});
  EXPECT_THAT(answer->ToString(), HasSubstr("initial_ipsec.unreachable"));
  network.Cut(false);
  missing = "no route";
  Open({Seg("segw.example@10.8.0.253")});
  EXPECT_THAT(answer->ToString(), HasSubstr("no route"));
}

TEST_F(InitialIpsecTest, APlutoThatDoesNotTakeTheConnectionIsNotWaitedForForEver) {
  plutos_takes_it = false;
  Open({Seg("segw.example@10.8.0.253")});
  EXPECT_FALSE(answer);
  for (int i = 0; i < 80; ++i) Advance(absl::Milliseconds(200));
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->ToString(), HasSubstr("pluto does not take"));
}

TEST_F(InitialIpsecTest, AClosedOneStaysClosed) {
  plutos_takes_it = false;
  Open({Seg("segw.example@10.8.0.253")});
  initial->Close();
  plutos_takes_it = true;
  for (int i = 0; i < 10; ++i) Advance(absl::Seconds(1));
  EXPECT_FALSE(answer) << "nobody asks any more";
  EXPECT_FALSE(initial->wanted());
}

TEST(EnrolmentSeg, IsIdentityAndAddress) {
  EXPECT_EQ(ParseEnrolmentSeg("segw.example@2001:db8::1")->address, Ip("2001:db8::1"));
  for (const char* bad : {"10.8.0.253", "@10.8.0.253", "segw.example@", "SEGW@10.8.0.253", "segw.example@10.8.0"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseEnrolmentSeg(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace henb::x2sec::app
