// R46: a pin moves from one SA to another under traffic, and no packet is lost, doubled or clear.
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/esp_test.h"

namespace henb::tests {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRate = 200;  // packets a second, as X2-U in the lab
constexpr int kMoves = 20;
constexpr auto kBetweenMoves = std::chrono::milliseconds(150);

class PinMoveTest : public EspTest {};

TEST_F(PinMoveTest, R46LosesNothingUnder200PacketsASecond) {
  AddSa(0x2001, kReqid, a_address_, b_address_);
  AddSa(0x2002, kReqid, a_address_, b_address_);
  BothBelts();
  b->SetPin(PinOfB(std::nullopt));
  a->SetPin(PinOfA(0x2001));
  const auto sender = BoundSocket(nodes_.a, SOCK_DGRAM, 0, a_address_, kGtpu);
  const auto receiver = BoundSocket(nodes_.b, SOCK_DGRAM, 0, b_address_, kGtpu);
  Wire wire(nodes_.a);

  std::atomic<bool> stop = false;
  std::uint32_t sent = 0;
  int refused = 0;
  std::thread traffic([&] {
    auto next = Clock::now();
    while (!stop) {
      if (SendTo(sender, b_address_, kGtpu, sent++) != 0) ++refused;
      next += std::chrono::microseconds(1'000'000 / kRate);
      std::this_thread::sleep_until(next);
    }
  });
  Clock::duration longest{};
  for (int i = 0; i < kMoves; ++i) {
    std::this_thread::sleep_for(kBetweenMoves);
    const auto begun = Clock::now();
    a->SetPin(PinOfA(i % 2 == 0 ? 0x2002 : 0x2001));
    longest = std::max(longest, Clock::now() - begun);
  }
  std::this_thread::sleep_for(kBetweenMoves);
  stop = true;
  traffic.join();

  std::uint32_t received = 0;
  bool in_order = true;
  while (const auto number = ReceiveNumber(receiver, kPatience)) in_order = in_order && *number == received++;
  wire.Read();
  const auto snapshot = a->kernel->Snapshot();
  ASSERT_TRUE(snapshot.ok());
  std::uint64_t by_sa = 0;
  for (const auto& sa : snapshot->sas) {
    EXPECT_GT(sa.packets, 0U) << "both SAs carried";
    by_sa += sa.packets;
  }
  RecordProperty("sent", static_cast<int>(sent));
  RecordProperty("slowest_move_us",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(longest).count()));
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(received, sent) << "lost packets";
  EXPECT_TRUE(in_order);
  EXPECT_EQ(by_sa, sent);
  EXPECT_EQ(wire.Count(IPPROTO_UDP), 0);
  EXPECT_EQ(a->Counters().dropped_out, 0U);
  EXPECT_EQ(b->Counters().dropped_in, 0U);
  std::printf("%u packets, %d moves, slowest %lld us\n", sent, kMoves,
              static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(longest).count()));
}

}  // namespace
}  // namespace henb::tests
