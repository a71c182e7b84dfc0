// keydist-server with store.backend = "etcd": what an operator of two replicas relies on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/app/restore.h"
#include "tests/unit/keydist/replica_world.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;
using Event = x2sec::core::KeyServiceEvent;

class EtcdProgram : public ::testing::Test {
 protected:
  ReplicaWorld world{2, 1, absl::Seconds(2)};
  Replica& one = *world.replicas[0];
  Replica& other = *world.replicas[1];
};

TEST_F(EtcdProgram, R49BothEndsGetTheSameKeyFromDifferentReplicas) {
  world.StartAll();
  const auto at_a = world.Ask(one, "a.example", "d.example");
  const auto at_d = world.Ask(other, "d.example", "a.example");
  ASSERT_TRUE(at_a.ok()) << at_a.status();
  ASSERT_TRUE(at_d.ok()) << at_d.status();
  EXPECT_TRUE(common::ConstantTimeEquals(at_a->current.key, at_d->current.key));
}

TEST_F(EtcdProgram, R52WhatIsSaidAtOneReachesTheStreamsOfTheOther) {
  world.StartAll();
  std::mutex mutex;
  std::vector<Event> events;
  const auto count = [&](Event::Kind kind) {
    const std::lock_guard lock(mutex);
    return std::count_if(events.begin(), events.end(), [&](const Event& event) { return event.kind == kind; });
  };
  const auto d = world.Client(other, "d.example");
  d->StartWatch([&](const Event& event) {
    const std::lock_guard lock(mutex);
    events.push_back(event);
  });
  ASSERT_TRUE(Eventually([&] { return count(Event::Kind::kResyncRequired) == 1; }));
  const absl::Time said = absl::Now();
  ASSERT_EQ(one.Ctl({"henb", "suspend", "a.example"}), 0);
  ASSERT_TRUE(Eventually([&] { return count(Event::Kind::kPeerSuspended) == 1; }));
  EXPECT_LT(absl::Now() - said, absl::Seconds(2));
  ASSERT_EQ(one.Ctl({"epoch", "advance", "--in", "5m"}), 0);
  EXPECT_TRUE(Eventually([&] { return count(Event::Kind::kEpochReady) == 1; }));
  d->StopWatch();
  EXPECT_EQ(world.Ask(other, "a.example", "d.example").status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(EtcdProgram, R49WithoutEtcdNoKeyGoesOutAndTheHealthSaysSo) {
  world.StartAll();
  const auto before = *world.Ask(other, "a.example", "d.example");
  world.etcd.Kill(0);
  absl::Status refused;
  ASSERT_TRUE(Eventually([&] {
    refused = world.Ask(other, "a.example", "d.example").status();
    return !refused.ok();
  }));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no word from etcd"));
  std::string status;
  ASSERT_EQ(other.Ctl({"status"}, &status), 0);
  EXPECT_THAT(status, HasSubstr("no word from etcd"));
  world.etcd.Launch(0);
  world.etcd.AwaitServing(0);
  absl::StatusOr<x2sec::core::PairKeys> after = absl::UnavailableError("");
  ASSERT_TRUE(Eventually([&] { return (after = world.Ask(other, "a.example", "d.example")).ok(); }));
  EXPECT_TRUE(common::ConstantTimeEquals(before.current.key, after->current.key));
  ASSERT_EQ(other.Ctl({"status"}, &status), 0);
  EXPECT_THAT(status, ::testing::Not(HasSubstr("no word from etcd")));
}

TEST_F(EtcdProgram, R49AStartWithoutEtcdWaitsAndListensToNobody) {
  world.etcd.Kill(0);
  EXPECT_EQ(one.Start().code(), absl::StatusCode::kUnavailable) << "with nothing to wait with";
  int waits = 0;
  const absl::Status told = one.Start([&](absl::Duration) { return ++waits < 3; });
  EXPECT_EQ(told.code(), absl::StatusCode::kCancelled) << told;
  EXPECT_EQ(waits, 3);
  waits = 0;
  const absl::Status started = one.Start([&](absl::Duration time) {
    EXPECT_LT(time, absl::Seconds(10));
    EXPECT_NE(one.Ctl({"status"}), 0);
    if (++waits == 2) {
      world.etcd.Launch(0);
      world.etcd.AwaitServing(0);
    }
    return true;
  });
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(one.Ctl({"status"}), 0);
}

TEST_F(EtcdProgram, R51EachReplicaHasItsOwnChainAndSignsWithItsName) {
  world.StartAll();
  for (Replica* replica : {&one, &other}) {
    ASSERT_TRUE(world.Ask(*replica, "a.example", "d.example").ok());
    replica->Stop();
    std::string error;
    const app::Config& config = replica->config;
    EXPECT_EQ(replica->Ctl({"audit", "verify", config.audit_path, "--heads", config.audit_heads_path, "--heads-key",
                            config.audit_heads_key + ".pub"},
                           nullptr, &error),
              0)
        << error;
    EXPECT_THAT(*common::ReadFile(config.audit_path), HasSubstr("keys_issued"));
    EXPECT_THAT(*common::ReadFile(config.audit_heads_path),
                HasSubstr(common::StrCat("\"replica\":\"", config.audit_replica, "\"")));
  }
}

TEST_F(EtcdProgram, R45ABackupIsRestoredIntoAnEtcdOfItsOwnAboveEverything) {
  world.StartAll();
  const auto before = *world.Ask(one, "a.example", "d.example");
  const std::string file = world.base.folder.path() + "/backup.jsonl";
  std::string error;
  ASSERT_EQ(one.Ctl({"backup", file}, nullptr, &error), 0) << error;
  one.Stop();
  other.Stop();
  const auto there = app::Restore(one.config, file, {}, one.clock);
  EXPECT_EQ(there.status().code(), absl::StatusCode::kFailedPrecondition) << "a service is there";
  one.config.etcd.prefix = other.config.etcd.prefix = "restored/";
  const auto restored = app::Restore(one.config, file, {}, one.clock);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->henbs, 3U);
  EXPECT_EQ(app::Restore(one.config, file, {}, one.clock).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(other.Start().ok());
  absl::StatusOr<x2sec::core::PairKeys> after = absl::UnavailableError("");
  ASSERT_TRUE(Eventually([&] { return (after = world.Ask(other, "a.example", "d.example")).ok(); }));
  EXPECT_GT(after->current.epoch, restored->last_epoch);
  EXPECT_EQ(after->current.generation_local, before.current.generation_local + 1000);
  EXPECT_FALSE(common::ConstantTimeEquals(before.current.key, after->current.key));
}

TEST_F(EtcdProgram, TheFilesForEtcdAreCheckedBeforeTheStart) {
  app::Config config = one.config;
  EXPECT_TRUE(app::CheckFiles(config).ok());
  config.etcd.key = world.base.folder.Write("open.key", world.etcd.client_key_pem(), 0644);
  EXPECT_THAT(std::string(app::CheckFiles(config).message()), HasSubstr("open.key: readable by others"));
  config.etcd.key = config.key;
  EXPECT_THAT(std::string(app::CheckFiles(config).message()), HasSubstr("is not the key of"));
  config.etcd = one.config.etcd;
  config.etcd.ca = "/none.pem";
  EXPECT_THAT(std::string(app::CheckFiles(config).message()), HasSubstr("/none.pem"));
}

}  // namespace
}  // namespace henb::keydist::test
