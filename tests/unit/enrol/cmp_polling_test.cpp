// A CA whose operators take their time (R35).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "henb-x2sec/enrol/poll_schedule.h"
#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using absl::Seconds;
using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using x2sec::enrol::kLongestPollDelay;
using x2sec::enrol::kPollReserve;
using x2sec::enrol::PollDelay;

/// The enroller's waits pass on a clock that stands otherwise.
class CmpPolling : public ::testing::Test {
 protected:
  CmpPolling() {
    scene_.clock = &clock_;
    scene_.UseWait([this](absl::Duration delay) {
      waits_.push_back(delay);
      clock_.Advance(delay);
      return true;
    });
  }
  void StartCa(int polls, absl::Duration check_after = Seconds(1)) {
    scene_.StartCa("", [&](TestCaConfig* config) {
      config->waiting_polls = polls;
      config->check_after = check_after;
    });
  }
  [[nodiscard]] absl::Duration Waited() const {
    absl::Duration sum;
    for (const absl::Duration each : waits_) sum += each;
    return sum;
  }

  EnrolScene scene_;
  common::FakeClock clock_{absl::Now()};
  std::vector<absl::Duration> waits_;
};

TEST_F(CmpPolling, R35EnrolsWhenTheCaIssuesAfterWaiting) {
  StartCa(3);
  const auto enrolled = scene_.Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_THAT(waits_, SizeIs(3));
  const auto entries = scene_.ledger().Entries();
  ASSERT_THAT(entries, SizeIs(1)) << "one request, however often it was asked for";
  EXPECT_EQ(entries[0].state, CertificateState::kConfirmed);
  EXPECT_EQ(entries[0].serial, enrolled->certificate.serial_hex());
  EXPECT_EQ(scene_.ca().given_up(), 0);
}

TEST_F(CmpPolling, R35ACaThatWaitsForEverIsGivenUpInTimeAndTold) {
  StartCa(-1);
  const auto failed = scene_.Enrol();
  EXPECT_EQ(failed.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(failed.status().message()), StartsWith("cmp.still_waiting: "));
  const absl::Duration total = scene_.Request().total_timeout;
  EXPECT_LE(Waited(), total);
  EXPECT_GE(Waited(), total - kPollReserve);
  EXPECT_EQ(scene_.ca().given_up(), 1) << "the CA knows that nobody fetches the certificate";
  EXPECT_THAT(scene_.ledger().Entries(), IsEmpty());
  EXPECT_THAT(scene_.store().Keys().value(), IsEmpty());
}

TEST_F(CmpPolling, R35AfterGivingUpTheNextAttemptUsesTheSameKey) {
  StartCa(-1);
  ASSERT_FALSE(scene_.Enrol().ok());
  StartCa(0);
  ASSERT_TRUE(scene_.Enrol().ok());
  EXPECT_THAT(scene_.store().Keys().value(), SizeIs(1)) << "no key is left over";
}

TEST_F(CmpPolling, R35NoCheckAfterPutsTheDeviceToSleep) {
  StartCa(2, Seconds(2'000'000'000));
  auto request = scene_.Request();
  request.total_timeout = absl::Minutes(5);
  ASSERT_TRUE(scene_.Enrol(request).ok());
  for (const absl::Duration each : waits_) EXPECT_LE(each, kLongestPollDelay * 5 / 4);
}

TEST_F(CmpPolling, R35CheckAfterZeroIsNoFloodOfQuestions) {
  StartCa(-1, absl::ZeroDuration());
  ASSERT_FALSE(scene_.Enrol().ok());
  ASSERT_FALSE(waits_.empty());
  EXPECT_LE(waits_.size(), 6U) << "1, 2, 4, 8 s and the rest";
  EXPECT_GE(waits_.front(), Seconds(1));
}

TEST_F(CmpPolling, ARefusalAfterWaitingIsARefusal) {
  scene_.StartCa("", [](TestCaConfig* config) {
    config->waiting_polls = 1;
    config->devices = {"henb-b.example"};
  });
  const auto refused = scene_.Enrol();
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.status().message()), StartsWith("cmp.refused: "));
}

TEST_F(CmpPolling, ACertificateThatDoesNotHoldIsRejectedAfterWaitingToo) {
  scene_.StartCa("other-subject", [](TestCaConfig* config) { config->waiting_polls = 1; });
  EXPECT_THAT(std::string(scene_.Enrol().status().message()), StartsWith("cmp.other_subject: "));
  EXPECT_EQ(scene_.ledger().CountLive(), 0);
}

TEST(CmpPollingStop, AnEnrolmentThatWaitsEndsWhenTheProgramEnds) {
  EnrolScene scene;
  scene.StartCa("", [](TestCaConfig* config) {
    config->waiting_polls = -1;
    config->check_after = Seconds(30);
  });
  x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(scene.device.key.get()));
  x2sec::enrol::CmpEnroller enroller({scene.store(), vendor_key, *scene.clock, scene.state_path()});
  auto request = scene.Request();
  request.total_timeout = absl::Minutes(5);
  const absl::Time begin = absl::Now();
  std::thread stopper([&] { enroller.Stop(); });
  const auto stopped = enroller.Enrol(request);
  stopper.join();
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled);
  EXPECT_THAT(std::string(stopped.status().message()), StartsWith("cmp.stopped: "));
  EXPECT_LT(absl::Now() - begin, Seconds(20));
}

TEST(PollDelay, IsWhatTheCaSaysWithinBoundsAndUpToAQuarterMore) {
  constexpr absl::Duration kPlenty = absl::Minutes(5);
  common::FakeRandom random;
  const auto expect = [&](absl::Duration check_after, int polls, absl::Duration least) {
    for (int i = 0; i < 20; ++i) {
      const absl::Duration delay = PollDelay(check_after, polls, kPlenty, random);
      EXPECT_GE(delay, least);
      EXPECT_LE(delay, least * 5 / 4);
    }
  };
  expect(Seconds(5), 1, Seconds(5));
  expect(Seconds(0), 1, Seconds(1));
  expect(Seconds(0), 4, Seconds(8));
  expect(Seconds(0), 1000, kLongestPollDelay);
  expect(absl::Hours(24), 1, kLongestPollDelay);
  EXPECT_NE(PollDelay(Seconds(5), 1, kPlenty, random), PollDelay(Seconds(5), 1, kPlenty, random)) << "no two alike";
  EXPECT_EQ(PollDelay(Seconds(20), 1, Seconds(10), random), Seconds(10) - kPollReserve);
  EXPECT_LE(PollDelay(Seconds(1), 1, kPollReserve, random), absl::ZeroDuration());
}

}  // namespace
}  // namespace henb::tests
