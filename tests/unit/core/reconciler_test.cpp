#include "henb-x2sec/core/reconciler.h"

#include <gtest/gtest.h>

#include "core_fixture.h"

namespace henb::x2sec::core {
namespace {

Pin PinOf(std::optional<std::uint32_t> spi) {
  return {.local = Ip("10.9.0.1"),
          .peer = Ip("10.9.0.2"),
          .local_end = Ip("10.9.0.1"),
          .peer_end = Ip("10.9.0.2"),
          .reqid = 101,
          .transport_mode = false,
          .spi_out = spi};
}

class ReconcilerTest : public testing::Test {
 protected:
  ReconcilerTest() {
    desired_.connections = {Spec()};
    desired_.fingerprints = {{Spec().name, "7"}};
    desired_.pins = {PinOf(0x10)};
    desired_.own_reqids = {101, 102};
    IkeSnapshot ike;
    ike.connections = {"backhaul", Spec().name};
    ike.fingerprints = {{Spec().name, "7"}};
    ike.child_sas = {Child(2, 1, 0x10, 0x11)};
    observed_.ike = ike;
    observed_.kernel.sas = {OutSa(0x10), InSa(0x11)};
    observed_.kernel.pins = {PinOf(0x10)};
    observed_.kernel.belt_whole = true;
  }
  Repairs Run() const { return Reconcile(desired_, observed_); }
  Desired desired_;
  Observed observed_;
};

TEST_F(ReconcilerTest, NothingToDoWhereAllIsRight) { EXPECT_TRUE(Run().empty()); }

TEST_F(ReconcilerTest, R16TheBeltComesBack) {
  observed_.kernel.belt_whole = false;
  EXPECT_TRUE(Run().install_belt);
}

TEST_F(ReconcilerTest, MissingBrokenAndWrongPinsAreSet) {
  observed_.kernel.pins.clear();
  EXPECT_EQ(Run().set_pins, (std::vector{PinOf(0x10)}));
  observed_.kernel.broken_pins = {PinOf(0x10)};
  EXPECT_EQ(Run().set_pins, (std::vector{PinOf(0x10)}));
  observed_.kernel.broken_pins.clear();
  observed_.kernel.pins = {PinOf(0x99)};
  EXPECT_EQ(Run().set_pins, (std::vector{PinOf(0x10)}));
  EXPECT_TRUE(Run().remove_pins.empty());
}

TEST_F(ReconcilerTest, R65ATunnelsPinIsSetRepairedAndRemoved) {
  const TunnelPin pin{.local = Ip("10.200.0.1"),
                      .network = *common::Cidr::Parse("10.100.0.0/16"),
                      .local_end = Ip("10.8.0.1"),
                      .peer_end = Ip("10.8.0.254"),
                      .reqid = 102,
                      .spi_out = std::nullopt};
  TunnelPin other = pin;
  other.reqid = 77;
  desired_.tunnel_pins = {pin};
  EXPECT_EQ(Run().set_tunnel_pins, std::vector{pin});
  observed_.kernel.tunnel_pins = {other};
  EXPECT_EQ(Run().set_tunnel_pins, std::vector{pin}) << "moved in its place";
  EXPECT_TRUE(Run().remove_tunnel_pins.empty());
  observed_.kernel.tunnel_pins = {pin};
  EXPECT_TRUE(Run().empty());
  desired_.tunnel_pins.clear();
  EXPECT_EQ(Run().remove_tunnel_pins, (std::vector{std::pair(pin.local, pin.network)}));
  observed_.kernel.tunnel_pins.clear();
  observed_.kernel.broken_tunnel_pins = {pin};
  EXPECT_EQ(Run().remove_tunnel_pins.size(), 1U);
}

TEST_F(ReconcilerTest, PinsAndClearPairsOfOthersTimesGo) {
  desired_.pins.clear();
  observed_.kernel.clear_pairs = {{Ip("10.9.5.1"), Ip("10.9.5.5")}};
  const Repairs repairs = Run();
  EXPECT_EQ(repairs.remove_pins.size(), 1U);
  EXPECT_EQ(repairs.forbid_clear.size(), 1U);
}

TEST_F(ReconcilerTest, ClearPairIsAllowedWhenWantedAndRepairedWhenBroken) {
  const ClearPair pair{Ip("10.9.5.1"), Ip("10.9.5.5")};
  desired_.clear = {pair};
  observed_.kernel.broken_clear_pairs = {pair};
  EXPECT_EQ(Run().allow_clear, (std::vector{pair}));
  EXPECT_TRUE(Run().forbid_clear.empty());
  desired_.clear.clear();
  EXPECT_EQ(Run().forbid_clear, (std::vector{pair}));
}

TEST_F(ReconcilerTest, ConnectionsAreAddedRenewedAndDeletedByPrefixOnly) {
  observed_.ike->connections = {"backhaul", "x2-henb-z.example-0"};
  Repairs repairs = Run();
  EXPECT_EQ(repairs.add_connections.size(), 1U);
  EXPECT_EQ(repairs.delete_connections, (std::vector<std::string>{"x2-henb-z.example-0"}));

  observed_.ike->connections = {"backhaul", Spec().name};
  observed_.ike->fingerprints[Spec().name] = "8";
  EXPECT_EQ(Run().add_connections.size(), 1U);

  observed_.ike->fingerprints[Spec().name] = "7";
  observed_.to_renew = {Spec().name};
  EXPECT_EQ(Run().add_connections.size(), 1U);
}

TEST_F(ReconcilerTest, OtherPeoplesConnectionsAndSasAreNeverTouched) {
  desired_ = Desired{};
  desired_.own_reqids = {101};
  observed_.ike->connections = {"backhaul", "office", "X2-capital"};
  observed_.kernel.pins.clear();
  observed_.kernel.sas = {OutSa(0x70, 0, 16001), InSa(0x71, 0, 16001), OutSa(0x72, 0, 0)};
  EXPECT_TRUE(Run().empty());
}

TEST_F(ReconcilerTest, WithPlutoAwayItsConnectionsAreNotJudgedButTheKernelIs) {
  observed_.ike.reset();
  observed_.kernel.pins.clear();
  const Repairs repairs = Run();
  EXPECT_TRUE(repairs.add_connections.empty());
  EXPECT_EQ(repairs.set_pins.size(), 1U);
  EXPECT_TRUE(repairs.delete_sas.empty()) << "SAs of a wanted link may be all that carries it";
}

TEST_F(ReconcilerTest, R19SasOfAnAddressThatIsWantedNoMoreGo) {
  desired_.connections[0].peer_address = desired_.connections[0].peer_ike_address = Ip("10.9.0.22");
  EXPECT_EQ(Run().delete_sas.size(), 2U);
}

TEST_F(ReconcilerTest, PhantomsOfPlutoGoWhenSeenTwice) {
  observed_.kernel.sas.clear();
  Repairs first = Run();
  EXPECT_TRUE(first.delete_states.empty());
  observed_.phantoms_before = first.phantoms;
  EXPECT_EQ(Run().delete_states, (std::vector<std::uint64_t>{2}));
}

}  // namespace
}  // namespace henb::x2sec::core
