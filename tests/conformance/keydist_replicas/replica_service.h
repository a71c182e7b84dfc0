// Three servers over three members of etcd, and HeNBs that ask all of them all the time.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "asking.h"

namespace henb::keydist::test {

/// At the end there must never have been a second key for one pair, epoch, generations and purpose.
class ReplicaService : public ::testing::Test {
 protected:
  static constexpr absl::Duration kSilence = absl::Seconds(3);
  /// As docs/keydist.md promises.
  static constexpr absl::Duration kBackWithin = absl::Seconds(10);

  void SetUp() override {
    for (auto& replica : world.replicas) {
      replica->config.service.schedule = {
          .length = absl::Seconds(2), .grace = absl::Milliseconds(400), .prefetch = absl::Milliseconds(600)};
      replica->config.quota.calls_per_second = 10'000;
      replica->config.quota.burst = 100'000;
    }
    ASSERT_NO_FATAL_FAILURE(world.StartAll());
    for (auto& replica : world.replicas) asking.push_back(std::make_unique<Asking>(world, *replica, recorder));
    ASSERT_TRUE(AllServe()) << Says();
  }
  void TearDown() override {
    asking.clear();
    EXPECT_THAT(recorder.conflicts(), ::testing::IsEmpty());
    std::printf("%zu keys handed out, %zu different ones, %zu epochs\n", recorder.total(), recorder.distinct(),
                recorder.epochs());
  }

  void Restart() {
    for (auto& one : asking) one->Restart();
  }
  /// Everybody has handed out keys since now.
  bool AllServe(absl::Duration within = absl::Seconds(30)) {
    Restart();
    return Eventually([&] { return std::all_of(asking.begin(), asking.end(), [](auto& a) { return a->keys() > 0; }); },
                      within);
  }
  /// Of any replica, since the last Restart.
  absl::Duration LongestGap() {
    absl::Duration longest;
    for (auto& one : asking) longest = std::max(longest, one->longest_gap());
    return longest;
  }
  /// How long it takes until the operator's change is made at this replica.
  absl::Duration UntilChanged(std::size_t at) {
    const absl::Time begin = absl::Now();
    EXPECT_TRUE(Eventually([&] { return world.replicas[at]->Ctl({"rotate", "b.example"}) == 0; }, absl::Seconds(30)));
    return absl::Now() - begin;
  }
  std::string Says() {
    std::string text;
    for (auto& one : asking) text += one->last_refusal() + "; ";
    return text;
  }
  int Leader() {
    std::optional<int> leader;
    EXPECT_TRUE(Eventually([&] { return (leader = world.etcd.Leader()).has_value(); }, absl::Seconds(30)));
    return leader.value_or(0);
  }
  static void Measured(const char* what, absl::Duration time) {
    std::printf("%s: %.1f s\n", what, absl::ToDoubleSeconds(time));
  }

  ReplicaWorld world{3, 3, kSilence};
  KeyRecorder recorder;
  std::vector<std::unique_ptr<Asking>> asking;
};

}  // namespace henb::keydist::test
