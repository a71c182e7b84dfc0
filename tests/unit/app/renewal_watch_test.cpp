// When a renewal begins, and when a certificate's end becomes an alarm.
#include "henb-x2sec/app/enrolment/renewal_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "common/log.h"
#include "device_files.h"
#include "loop_fixture.h"
#include "tests/support/fake_enroller.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RenewalWatchTest : public tests::LoopFixture {
 protected:
  void SetUp() override {
    enroller.set_validity(clock.Now(), clock.Now() + absl::Hours(100));
    credentials = std::make_unique<Credentials>(*Credentials::Load(device.config, store));
    enrolment =
        std::make_unique<Enrolment>(Enrolment::Parts{.config = device.config,
                                                     .loop = loop,
                                                     .clock = clock,
                                                     .random = random,
                                                     .worker = worker,
                                                     .enroller = &enroller,
                                                     .store = store,
                                                     .ike = ike,
                                                     .credentials = *credentials,
                                                     .clock_sane = [this] { return clock_sane; },
                                                     .replacing = [](const std::string&) { return absl::OkStatus(); },
                                                     .open_way = [](const auto&) {},
                                                     .close_way = [] {},
                                                     .done = [] {},
                                                     .failed = [](const absl::Status&) {}});
    watch = std::make_unique<RenewalWatch>(
        RenewalWatch::Parts{clock, *credentials, *enrolment, [this] { return clock_sane; }});
    policy::Enrolment terms;
    terms.server_url = "http://10.100.0.2:8080/pkix/";
    terms.recipient = "/O=Operator/CN=RA";
    enrolment->SetTerms(terms);
    enrolment->Request();
    Settle();
  }
  /// As the slow timer does; what was logged meanwhile.
  std::string Hours(int hours) {
    std::string logged;
    common::SetLogSinkForTest([&logged](std::string_view line) { logged.append(line).append("\n"); });
    for (int i = 0; i < hours; ++i) {
      Advance(absl::Hours(1));
      watch->Look();
    }
    Settle();
    common::SetLogSinkForTest(nullptr);
    return logged;
  }

  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon ike{network, nullptr};
  tests::FakeEnroller enroller{device.operator_root};
  std::unique_ptr<Credentials> credentials;
  std::unique_ptr<Enrolment> enrolment;
  std::unique_ptr<RenewalWatch> watch;
  bool clock_sane = true;
};

TEST_F(RenewalWatchTest, R32RenewsBeforeTwoThirdsOfTheLifetimeAndOnce) {
  Hours(59);
  EXPECT_EQ(enroller.requests().size(), 1U);
  const std::string old_key = credentials->operator_credential()->ckaid;
  enroller.set_validity(clock.Now(), clock.Now() + absl::Hours(100));
  Hours(8);
  EXPECT_EQ(enroller.requests().size(), 2U);
  EXPECT_NE(credentials->operator_credential()->ckaid, old_key);
}

TEST_F(RenewalWatchTest, R32TheEndOfACertificateIsAnAlarmThreeTimes) {
  for (int i = 0; i < 1000; ++i) enroller.FailNext(absl::UnavailableError("cmp.unreachable: no route"));
  EXPECT_THAT(Hours(79), Not(HasSubstr("credential.expir")));
  EXPECT_THAT(Hours(5), HasSubstr("credential.expiring"));
  EXPECT_THAT(Hours(4), Not(HasSubstr("credential.expir"))) << "told once";
  EXPECT_THAT(Hours(3), HasSubstr("credential.expiring")) << "half of what was left is over";
  EXPECT_THAT(Hours(10), HasSubstr("credential.expired"));
  EXPECT_EQ(enrolment->View().state, "FAILED");
  EXPECT_GT(enroller.requests().size(), 20U) << "an expired one is asked for anew";
}

TEST_F(RenewalWatchTest, R57AWrongClockRenewsNothingAndAlarmsNobody) {
  clock_sane = false;
  EXPECT_THAT(Hours(120), Not(HasSubstr("credential.expir")));
  EXPECT_EQ(enroller.requests().size(), 1U);
}

}  // namespace
}  // namespace henb::x2sec::app
