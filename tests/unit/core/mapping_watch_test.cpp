// A mapping that a NAT box has lost (R64).
#include "henb-x2sec/core/mapping_watch.h"

#include <gtest/gtest.h>

#include "core_fixture.h"

namespace henb::x2sec::core {
namespace {

class MappingWatchTest : public ::testing::Test {
 protected:
  /// Looks once a second for so long; how many key changes were asked for.
  int Look(int seconds) {
    int changes = 0;
    for (int i = 0; i < seconds; ++i) {
      now += absl::Seconds(1);
      if (answers) bytes_in += 84;
      const MappingStep step = LookThroughNat(watch, bytes_in, now);
      watch = step.watch;
      probes += step.probe ? 1 : 0;
      changes += step.change_key ? 1 : 0;
    }
    return changes;
  }
  MappingWatch watch;
  absl::Duration now = absl::Hours(1);
  std::uint64_t bytes_in = 1000;
  bool answers = true;
  int probes = 0;
};

TEST_F(MappingWatchTest, R64NothingHappensWhileSomethingComesIn) {
  EXPECT_EQ(Look(600), 0);
  EXPECT_LE(probes, 121) << "one in five seconds";
}

TEST_F(MappingWatchTest, R64FiveProbesWithoutAnAnswerAreALostMapping) {
  Look(10);
  answers = false;
  EXPECT_EQ(Look(24), 0);
  EXPECT_EQ(Look(8), 1);
  answers = true;
  EXPECT_EQ(Look(600), 0);
  answers = false;
  EXPECT_EQ(Look(34), 1) << "the next one is noticed as soon";
}

TEST_F(MappingWatchTest, R64APeerThatNeverAnswersCostsAKeyChangeNowAndThen) {
  answers = false;
  EXPECT_LE(Look(24 * 3600), 24 * 2 + 8);
}

TEST_F(MappingWatchTest, R64OtherSasAreNoAnswer) {
  Look(10);
  answers = false;
  Look(20);
  bytes_in = 0;
  EXPECT_EQ(Look(12), 1);
}

TEST(MayBeInsideNat, R64OnlyWithEspInUdpAndAPeerAtItsOwnAddress) {
  KernelSnapshot kernel;
  kernel.sas = {OutSa(0x10), InSa(0x11)};
  EXPECT_FALSE(MayBeInsideNat(Spec(), kernel));
  for (SaInfo& sa : kernel.sas) sa.in_udp = true;
  EXPECT_TRUE(MayBeInsideNat(Spec(), kernel));
  ConnectionSpec outside = Spec();
  outside.peer_ike_address = Ip("10.9.0.50");
  for (SaInfo& sa : kernel.sas) (sa.spi == 0x10 ? sa.destination : sa.source) = outside.peer_ike_address;
  EXPECT_FALSE(MayBeInsideNat(outside, kernel)) << "the box is at the peer's";
}

}  // namespace
}  // namespace henb::x2sec::core
