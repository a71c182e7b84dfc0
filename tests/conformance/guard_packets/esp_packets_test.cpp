// R16: what the guard and the pins let through, and what not, with real ESP. Keys by hand, no IKE. Skips where the
// kernel has no ESP.
#include "tests/support/esp_test.h"

namespace henb::tests {
namespace {

class EspPacketsTest : public EspTest {};

TEST_F(EspPacketsTest, R16PassesInsideTheNeighboursOwnSaWithBothBelts) {
  AddSa(0x1001, kReqid, a_address_, b_address_);
  BothBelts();
  Wire wire(nodes_.a);
  EXPECT_EQ(Send(a_address_, b_address_), AllRefused()) << "no pin yet";
  a->SetPin(PinOfA(0x1001));
  EXPECT_EQ(Send(a_address_, b_address_), AllLost()) << "b has no pin yet: its belt blocks";
  b->SetPin(PinOfB(std::nullopt));
  EXPECT_EQ(Send(a_address_, b_address_), AllArrived());
  wire.Read();
  EXPECT_EQ(wire.Count(IPPROTO_UDP), 0) << "R16: nothing in clear on the wire";
  EXPECT_EQ(wire.Count(IPPROTO_ESP), 2 * kPackets);
  EXPECT_EQ(a->Counters().dropped_out, 0U) << "the belt refuses a packet before the guard sees it";
  EXPECT_EQ(b->Counters().dropped_in, 0U);
}

TEST_F(EspPacketsTest, R16DoesNotLeaveInsideAnSaOfAnotherReqid) {
  AddSa(0x1001, 777, a_address_, b_address_);  // as a stranger's, or the backhaul's, wide tunnel
  BothBelts();
  x2sec::core::Pin pin = PinOfA(0x1001);
  pin.reqid = 777;
  a->SetPin(pin);
  b->SetPin(PinOfB(std::nullopt));
  EXPECT_EQ(Send(a_address_, b_address_), AllRefused());
  EXPECT_EQ(a->Counters().dropped_out, static_cast<std::uint64_t>(kPackets));
}

TEST_F(EspPacketsTest, R16IsNotAcceptedInsideAnSaOfAnotherReqid) {
  AddSa(0x1001, 777, a_address_, b_address_);
  b->spec.admitted = {{a_address_, kReqid}};
  b->ApplyGuard();
  b->InstallBelt();
  b->SetPin(PinOfB(std::nullopt));
  x2sec::core::Pin pin = PinOfA(0x1001);
  pin.reqid = 777;
  a->SetPin(pin);  // a's guard is open
  EXPECT_EQ(Send(a_address_, b_address_), AllLost());
  EXPECT_EQ(b->Counters().dropped_in, static_cast<std::uint64_t>(kPackets));
}

TEST_F(EspPacketsTest, R16PinsHoldWithoutTheGuard) {
  AddSa(0x1001, kReqid, a_address_, b_address_);
  b->InstallBelt();
  b->SetPin(PinOfB(std::nullopt));
  EXPECT_EQ(Send(a_address_, b_address_), AllLost()) << "clear packets are not accepted by the pin";
  a->InstallBelt();
  a->SetPin(PinOfA(0x1001));
  EXPECT_EQ(Send(a_address_, b_address_), AllArrived());
  DeleteSa(0x1001);
  const Outcome outcome = Send(a_address_, b_address_);
  EXPECT_EQ(outcome.arrived, 0);
}

TEST_F(EspPacketsTest, PinWithoutAnSpiRefusesAtOnceAndAsksNobody) {
  a->SetPin(PinOfA(std::nullopt));
  AcquireListener acquires(nodes_.a);
  EXPECT_EQ(Send(a_address_, b_address_), AllRefused());
  EXPECT_EQ(acquires.Read(), 0) << "an acquire would make the IKE daemon start an SA by itself";
  EXPECT_EQ(nodes_.a.Ip("xfrm state"), "") << "no larval state";
}

TEST_F(EspPacketsTest, PinToAnSaThatIsGoneDropsButAsksForOne) {
  // Why a pin whose SA has gone is to be set without SPI soon.
  AcquireListener acquires(nodes_.a);
  a->SetPin(PinOfA(0x4444));
  Wire wire(nodes_.a);
  EXPECT_EQ(Send(a_address_, b_address_).arrived, 0);
  wire.Read();
  EXPECT_EQ(wire.Count(IPPROTO_UDP), 0);
  EXPECT_GE(acquires.Read(), 1);
}

TEST_F(EspPacketsTest, R17TransportMode) {
  AddSa(0x1001, kReqid, a_address_, b_address_, "transport");
  BothBelts();
  x2sec::core::Pin out = PinOfA(0x1001);
  x2sec::core::Pin in = PinOfB(std::nullopt);
  out.transport_mode = in.transport_mode = true;
  a->SetPin(out);
  b->SetPin(in);
  EXPECT_EQ(Send(a_address_, b_address_), AllArrived());
}

TEST_F(EspPacketsTest, R17AddressesBehindTheEndsOfTheSa) {
  ASSERT_EQ(nodes_.a.Ip("address add 10.20.0.1/32 dev lo"), "");
  ASSERT_EQ(nodes_.b.Ip("address add 10.20.0.2/32 dev lo"), "");
  ASSERT_EQ(nodes_.a.Ip("route add 10.20.0.2/32 via 10.9.0.2"), "");
  AddSa(0x1001, kReqid, a_address_, b_address_);
  x2sec::core::Pin out = PinOfA(0x1001);
  x2sec::core::Pin in = PinOfB(std::nullopt);
  out.local = in.peer = Address("10.20.0.1");
  out.peer = in.local = Address("10.20.0.2");
  a->spec.admitted = {{out.peer, kReqid}};
  b->spec.admitted = {{out.local, kReqid}};
  for (Host* host : {a.get(), b.get()}) {
    host->ApplyGuard();
    host->InstallBelt();
  }
  a->SetPin(out);
  b->SetPin(in);
  EXPECT_EQ(Send(out.local, out.peer), AllArrived());
}

TEST_F(EspPacketsTest, R16BackhaulCarriesS1uOfTheCoreAndNoX2OfABlockedPeer) {
  // b is the gateway: behind the backhaul's SA lie a core address, a blocked peer's address, and one that is both.
  constexpr int kBackhaul = 50;
  const auto core_address = Address("10.100.0.9");
  const auto blocked = Address("10.200.0.66");
  const auto blocked_in_core = Address("10.100.0.66");
  for (const auto& address : {core_address, blocked, blocked_in_core}) {
    ASSERT_EQ(nodes_.b.Ip("address add " + address.ToString() + "/32 dev lo"), "");
    ASSERT_EQ(nodes_.a.Ip("route add " + address.ToString() + "/32 via 10.9.0.2 src 10.9.0.1"), "");
  }
  AddSa(0x50, kBackhaul, a_address_, b_address_);
  ASSERT_EQ(nodes_.a.Ip("xfrm policy add src 10.9.0.1/32 dst 10.0.0.0/8 dir out priority 1753281 tmpl src 10.9.0.1 dst "
                        "10.9.0.2 proto esp reqid 50 mode tunnel"),
            "");
  ASSERT_EQ(nodes_.b.Ip("xfrm policy add src 10.9.0.1/32 dst 10.0.0.0/8 dir in priority 1753281 tmpl src 10.9.0.1 dst "
                        "10.9.0.2 proto esp reqid 50 mode tunnel"),
            "");
  EXPECT_EQ(Send(a_address_, blocked), AllArrived()) << "else this test shows nothing";
  a->spec.backhaul_reqid = kBackhaul;
  a->spec.core_networks = {*common::Cidr::Parse("10.100.0.0/24")};
  a->spec.neighbours = {blocked_in_core};
  a->ApplyGuard();
  a->InstallBelt();
  EXPECT_EQ(Send(a_address_, core_address), AllArrived()) << "S1-U";
  EXPECT_EQ(Send(a_address_, blocked), AllRefused());
  EXPECT_EQ(Send(a_address_, blocked_in_core), AllRefused()) << "a neighbour's address is never taken for the core's";
  EXPECT_EQ(a->Counters().dropped_out, static_cast<std::uint64_t>(2 * kPackets));
}

}  // namespace
}  // namespace henb::tests
