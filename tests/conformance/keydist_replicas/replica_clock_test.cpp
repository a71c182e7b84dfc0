// One replica's calendar is wrong (R45, R49), and what the recorder of this folder's tests can find.
#include "common/strings.h"
#include "replica_service.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;

class ReplicaClock : public ReplicaService {};

TEST_F(ReplicaClock, R45WhoseClockIsWrongHandsOutNothingAndTheOthersEpochsGoOn) {
  for (const absl::Duration off : {absl::Minutes(45), -absl::Minutes(45)}) {
    world.replicas[1]->clock.SetOff(off);
    EXPECT_TRUE(Eventually([&] { return asking[1]->last_refusal().find("clock is off") != std::string::npos; })) << off;
    std::string status;
    ASSERT_EQ(world.replicas[1]->Ctl({"status"}, &status), 0);
    EXPECT_THAT(status, HasSubstr("clock is off"));
    EXPECT_NE(world.replicas[1]->Ctl({"epoch", "advance"}), 0) << "it would be by that clock";
    const std::size_t epochs = recorder.epochs();
    Restart();
    EXPECT_TRUE(Eventually([&] { return recorder.epochs() >= epochs + 2; })) << "the others' go on";
    EXPECT_EQ(asking[1]->keys(), 0);
    EXPECT_LT(std::max(asking[0]->longest_gap(), asking[2]->longest_gap()), absl::Seconds(3));
    world.replicas[1]->clock.SetOff(absl::ZeroDuration());
    EXPECT_TRUE(AllServe()) << Says();
  }
}

TEST(KeyRecorderItself, FindsTwoStoresBehindOneService) {
  ReplicaWorld world(2, 1, absl::Seconds(3));
  world.replicas[1]->config.etcd.prefix = "another/";
  for (auto& replica : world.replicas) {
    const absl::Status status = replica->Start();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(world.AddHenbs(replica->config).ok());
  }
  KeyRecorder recorder;
  const Asking one(world, *world.replicas[0], recorder);
  const Asking other(world, *world.replicas[1], recorder);
  EXPECT_TRUE(Eventually([&] { return !recorder.conflicts().empty(); }));
}

}  // namespace
}  // namespace henb::keydist::test
