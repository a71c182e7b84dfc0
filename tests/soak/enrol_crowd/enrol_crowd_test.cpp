// A site's power comes back, and all its HeNBs enrol at once: straight at the RA/CA, and through a NEM. Each gets its
// own certificate, and nobody leaves a second one behind.
//
// X2_CROWD: how many (24; `./dev soak enrol-crowd` takes 256).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "common/log.h"
#include "henb-x2sec/enrol/cmp_enroller.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/unit/nem/nem_scene.h"

namespace henb::tests {
namespace {

using ::testing::SizeIs;
using x2sec::core::EnrolRequest;

constexpr int kMostAttempts = 10;
constexpr absl::Duration kFirstPause = absl::Seconds(2);  // x2secd's, after an RA that is not reached

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

/// What one of the crowd has in the end.
struct Outcome {
  std::string serial;
  std::string identity;
  std::string ckaid;
  std::size_t keys = 0;
  int attempts = 0;
  absl::Duration took;
  absl::Status status;
};

class EnrolCrowd : public ::testing::Test {
 protected:
  EnrolCrowd() {
    common::ConfigureLog({.least = common::LogLevel::kAlarm, .program = "enrol_crowd_test"});
    for (int i = 0; i < crowd_; ++i) names_.push_back("henb-" + std::to_string(i) + ".example");
    scene_.ca_devices = names_;
    scene_.StartCa();
    for (const std::string& name : names_) devices_.push_back(scene_.vendor.IssueHenb(name));
  }
  [[nodiscard]] EnrolRequest RequestOf(std::size_t which, bool through_nem) const {
    EnrolRequest request;
    request.identity = common::HenbId::Parse(names_[which]).value();
    request.vendor_chain = {devices_[which].certificate, scene_.vendor.certificate()};
    request.operator_roots = {scene_.operator_root.certificate()};
    request.message_timeout = absl::Seconds(20);
    request.total_timeout = absl::Minutes(5);
    if (through_nem) {
      request.nem = {scene_.nem_url(), std::nullopt, {scene_.operator_root.certificate()}};
    } else {
      request.server_url = scene_.ca_url();
      request.recipient = scene_.config.ra_recipient;
    }
    return request;
  }
  /// As x2secd does it, again and again until it is done.
  Outcome EnrolOne(std::size_t which, const EnrolRequest& request) {
    common::SystemClock clock;
    common::SystemRandom random;
    FakeCertificateStore store;
    x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(devices_[which].key.get()));
    x2sec::enrol::CmpEnroller enroller({.keys = store,
                                        .vendor_key = vendor_key,
                                        .clock = clock,
                                        .state_path = scene_.File("state-" + std::to_string(which) + ".json")});
    Outcome out;
    const absl::Duration begun = clock.Steady();
    absl::Duration pause = kFirstPause;
    for (out.attempts = 1; out.attempts <= kMostAttempts; ++out.attempts) {
      const auto enrolled = enroller.Enrol(request);
      out.status = enrolled.status();
      if (enrolled.ok()) {
        out.status = enroller.Kept();
        out.serial = enrolled->certificate.serial_hex();
        out.identity = enrolled->certificate.Identity().value().str();
        out.ckaid = enrolled->ckaid;
        break;
      }
      absl::SleepFor(random.Jitter(pause, 0.25));
      pause *= 2;
    }
    out.took = clock.Steady() - begun;
    out.keys = store.Keys().value().size();
    return out;
  }
  std::vector<Outcome> EnrolAll(bool through_nem) {
    std::vector<Outcome> outcomes(devices_.size());
    std::vector<std::thread> threads;
    std::barrier together(crowd_);
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      threads.emplace_back([&, i] {
        const EnrolRequest request = RequestOf(i, through_nem);
        together.arrive_and_wait();
        outcomes[i] = EnrolOne(i, request);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return outcomes;
  }
  void ExpectOneEach(const std::vector<Outcome>& outcomes, const char* how) {
    std::set<std::string> serials;
    std::set<std::string> keys;
    std::vector<absl::Duration> times;
    int attempts = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const Outcome& each = outcomes[i];
      ASSERT_TRUE(each.status.ok()) << names_[i] << ": " << each.status;
      EXPECT_EQ(each.identity, names_[i]);
      EXPECT_EQ(each.keys, 1U) << "no key of an attempt that failed is left";
      serials.insert(each.serial);
      keys.insert(each.ckaid);
      times.push_back(each.took);
      attempts += each.attempts;
    }
    EXPECT_THAT(serials, SizeIs(outcomes.size()));
    EXPECT_THAT(keys, SizeIs(outcomes.size()));
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (scene_.ledger().CountLive() > crowd_ && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(100));
    EXPECT_EQ(scene_.ledger().CountLive(), crowd_);
    for (const LedgerEntry& each : scene_.ledger().Entries()) {
      EXPECT_EQ(each.state == CertificateState::kConfirmed, serials.contains(each.serial)) << each.serial;
    }
    std::sort(times.begin(), times.end());
    std::cout << crowd_ << " " << how << ": half within " << times[times.size() / 2] << ", the last after "
              << times.back() << ", " << attempts << " attempts, " << scene_.ledger().Entries().size() << " issued\n";
  }

  const int crowd_ = FromEnvironment("X2_CROWD", 24);
  NemScene scene_;
  std::vector<std::string> names_;
  std::vector<TestCredential> devices_;
};

TEST_F(EnrolCrowd, R25R34EachGetsItsOwnCertificateAtTheRa) { ExpectOneEach(EnrolAll(false), "at the RA/CA"); }

TEST_F(EnrolCrowd, R39EachGetsItsOwnCertificateThroughTheNem) {
  scene_.WriteDeviceList(names_);
  scene_.StartNem();
  ExpectOneEach(EnrolAll(true), "through the NEM");
}

}  // namespace
}  // namespace henb::tests
