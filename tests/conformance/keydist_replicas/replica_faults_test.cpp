// Members of etcd fail under three replicas (R49): never two keys, and back within seconds.
#include "replica_service.h"

namespace henb::keydist::test {
namespace {

class ReplicaFaults : public ReplicaService {};

TEST_F(ReplicaFaults, R49AKilledLeaderACutOffMemberALostMajorityASlowLeader) {
  // The leader is killed.
  const int killed = Leader();
  Restart();
  world.etcd.Kill(killed);
  const absl::Duration change = UntilChanged(0);
  absl::SleepFor(kSilence);
  Measured("leader killed: longest time without a key", LongestGap());
  Measured("leader killed: until a change is made", change);
  EXPECT_LT(LongestGap(), kBackWithin) << Says();
  EXPECT_LT(change, kBackWithin);
  world.etcd.Launch(killed);
  world.etcd.AwaitServing(killed);
  ASSERT_TRUE(AllServe()) << Says();

  // A member is cut off: connections to it stand, and it says nothing.
  const int cut_off = (Leader() + 1) % world.etcd.size();
  Restart();
  world.etcd.Freeze(cut_off);
  absl::SleepFor(kSilence);
  Measured("member cut off: until a change is made", UntilChanged(1));
  Measured("member cut off: longest time without a key", LongestGap());
  world.etcd.Thaw(cut_off);
  EXPECT_LT(LongestGap(), kBackWithin) << Says();
  ASSERT_TRUE(AllServe()) << Says();

  // The majority is lost, one killed and one cut off: nobody hands out anything, and those refused hear UNAVAILABLE.
  world.etcd.Kill(0);
  world.etcd.Freeze(1);
  absl::SleepFor(kSilence + absl::Seconds(1));
  Restart();
  absl::SleepFor(absl::Seconds(1));
  for (auto& one : asking) {
    EXPECT_EQ(one->keys(), 0) << "no word for longer than the silence allowed";
    const std::map<int, int> refusals = one->refusals();
    EXPECT_EQ(refusals.size(), 1U);
    EXPECT_GT(refusals.at(grpc::StatusCode::UNAVAILABLE), 0);
    EXPECT_THAT(one->last_refusal(), ::testing::HasSubstr("no word from etcd")) << "not only that the epoch is over";
  }
  EXPECT_NE(world.replicas[0]->Ctl({"rotate", "b.example"}), 0) << "and nothing can be changed";
  const absl::Time back = absl::Now();
  world.etcd.Thaw(1);
  ASSERT_TRUE(AllServe()) << Says();
  Measured("majority back: until all hand out keys", absl::Now() - back);
  EXPECT_LT(absl::Now() - back, kBackWithin);
  world.etcd.Launch(0);
  world.etcd.AwaitServing(0);

  // The leader is slow: it stops and goes on, again and again.
  const int slow = Leader();
  Restart();
  for (int pulse = 0; pulse < 6; ++pulse) {
    world.etcd.Freeze(slow);
    absl::SleepFor(absl::Milliseconds(400));
    world.etcd.Thaw(slow);
    absl::SleepFor(absl::Milliseconds(200));
  }
  Measured("leader slow: longest time without a key", LongestGap());
  EXPECT_LT(LongestGap(), kBackWithin) << Says();
  EXPECT_LT(UntilChanged(2), kBackWithin);
  ASSERT_TRUE(AllServe()) << Says();
  EXPECT_GE(recorder.epochs(), 5U);
}

}  // namespace
}  // namespace henb::keydist::test
