// R36: when x2secd uses the symmetric credential, and when it is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "device_files.h"
#include "henb-x2sec/app/enrolment/enrolment.h"
#include "loop_fixture.h"
#include "tests/support/fake_enroller.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

class EnrolmentByMac_R36 : public tests::LoopFixture {
 protected:
  void SetUp() override {
    credentials = std::make_unique<Credentials>(*Credentials::Load(device.config, store));
    enrolment = std::make_unique<Enrolment>(
        Enrolment::Parts{.config = device.config,
                         .loop = loop,
                         .clock = clock,
                         .random = random,
                         .worker = worker,
                         .enroller = &enroller,
                         .store = store,
                         .ike = ike,
                         .credentials = *credentials,
                         .clock_sane = [] { return true; },
                         .replacing = [](const std::string&) { return absl::OkStatus(); },
                         .open_way = [](std::function<void(absl::Status)> opened) { opened(absl::OkStatus()); },
                         .close_way = [] {},
                         .done = [this] { ++done; },
                         .failed = [this](const absl::Status& s) { failures.push_back(s); },
                         .mac_secret = [this]() -> std::optional<MacSecretOpener> {
                           if (!at_hand) return std::nullopt;
                           return [] { return common::SecretBytes::CopyOf(kSecret); };
                         },
                         .spend_mac_secret =
                             [this] {
                               unfinished_when_spent = enroller.Unfinished();
                               if (can_spend.ok()) at_hand = false;
                               return can_spend;
                             }});
  }
  void Begin(policy::EnrolmentCredential credential) {
    policy::Enrolment terms;
    terms.server_url = "http://10.100.0.2:8080/pkix/";
    terms.recipient = "/O=Operator/CN=RA";
    terms.credential = credential;
    enrolment->SetTerms(terms);
    enrolment->Request();
    Settle();
  }
  void Begin() { Begin(policy::EnrolmentCredential::kMacSecret); }

  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon ike{network, nullptr};
  tests::FakeEnroller enroller{device.operator_root};
  std::unique_ptr<Credentials> credentials;
  std::unique_ptr<Enrolment> enrolment;
  bool at_hand = true;
  absl::Status can_spend;
  std::optional<bool> unfinished_when_spent;
  int done = 0;
  std::vector<absl::Status> failures;
};

TEST_F(EnrolmentByMac_R36, IsOffUnlessThePolicySaysSo) {
  Begin(policy::EnrolmentCredential::kVendorCertificate);
  ASSERT_EQ(enroller.requests().size(), 1U);
  EXPECT_FALSE(enroller.requests()[0].mac_secret);
}

TEST_F(EnrolmentByMac_R36, UsesTheCredentialAndSpendsItBeforeTheStateGoes) {
  Begin();
  ASSERT_EQ(enroller.requests().size(), 1U);
  ASSERT_TRUE(enroller.requests()[0].mac_secret);
  EXPECT_EQ(enroller.requests()[0].mac_secret()->view(), kSecret);
  EXPECT_EQ(done, 1);
  EXPECT_FALSE(at_hand);
  EXPECT_EQ(unfinished_when_spent, true);
  EXPECT_FALSE(enroller.Unfinished());
}

TEST_F(EnrolmentByMac_R36, WithoutOneNothingIsSentAndItSaysSo) {
  at_hand = false;
  Begin();
  EXPECT_THAT(enroller.requests(), IsEmpty());
  ASSERT_FALSE(failures.empty());
  EXPECT_THAT(std::string(failures[0].message()), HasSubstr("x2secctl provision"));
  at_hand = true;
  ASSERT_TRUE(enrolment->Now().ok());
  Settle();
  EXPECT_EQ(done, 1);
}

TEST_F(EnrolmentByMac_R36, AFailedAttemptKeepsIt) {
  enroller.FailNext(absl::UnavailableError("cmp.unreachable: nobody"));
  Begin();
  EXPECT_EQ(done, 0);
  EXPECT_TRUE(at_hand);
}

TEST_F(EnrolmentByMac_R36, ACredentialThatCannotBeSpentIsNotEnrolledWith) {
  can_spend = absl::InternalError("the disk is full");
  Begin();
  EXPECT_EQ(done, 0);
  EXPECT_TRUE(enroller.Unfinished());
  can_spend = absl::OkStatus();
  Advance(absl::Minutes(1));
  EXPECT_EQ(done, 1);
  EXPECT_FALSE(at_hand);
}

TEST_F(EnrolmentByMac_R36, ARenewalNeedsNone) {
  Begin();
  ASSERT_EQ(done, 1);
  ASSERT_TRUE(enrolment->Now().ok());
  Settle();
  EXPECT_EQ(done, 2);
  ASSERT_EQ(enroller.requests().size(), 2U);
  EXPECT_FALSE(enroller.requests()[1].mac_secret);
  EXPECT_FALSE(enroller.requests()[1].current_chain.empty());
}

}  // namespace
}  // namespace henb::x2sec::app
