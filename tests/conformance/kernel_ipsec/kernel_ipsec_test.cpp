// One suite for the kernel's IPsec: the fake that other tests use behaves as the real one does (R16, R17).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "henb-x2sec/xfrm/xfrm_kernel.h"
#include "tests/support/fake_kernel_ipsec.h"
#include "tests/support/network_namespace.h"

namespace henb::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using x2sec::core::ClearPair;
using x2sec::core::Pin;

struct KernelUnderTest {
  std::shared_ptr<void> owner;
  x2sec::core::KernelIpsec* kernel = nullptr;  ///< Null: not possible here.
};
struct Kind {
  std::string name;
  std::function<KernelUnderTest()> make;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

KernelUnderTest MakeFake() {
  auto fake = std::make_shared<FakeKernelIpsec>();
  return {fake, fake.get()};
}

KernelUnderTest MakeReal() {
  struct Owner {
    NetworkNamespace network;
    std::unique_ptr<x2sec::xfrm::XfrmKernel> kernel;
  };
  auto owner = std::make_shared<Owner>();
  if (!owner->network.entered()) return {};
  auto kernel = x2sec::xfrm::XfrmKernel::Open(x2sec::core::X2Ports());
  EXPECT_TRUE(kernel.ok()) << kernel.status();
  if (!kernel.ok()) return {};
  owner->kernel = std::move(kernel).value();
  auto* raw = owner->kernel.get();
  return {std::move(owner), raw};
}

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

Pin MakePin(std::string_view local, std::string_view peer, std::optional<std::uint32_t> spi) {
  Pin pin;
  pin.local = pin.local_end = Ip(local);
  pin.peer = pin.peer_end = Ip(peer);
  pin.reqid = 101;
  pin.spi_out = spi;
  return pin;
}

class KernelIpsecConformance : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    if (under_test_.kernel == nullptr) GTEST_SKIP() << "needs root and network namespaces";
  }
  x2sec::core::KernelIpsec& kernel() { return *under_test_.kernel; }
  x2sec::core::KernelSnapshot Snapshot() {
    auto snapshot = kernel().Snapshot();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *std::move(snapshot) : x2sec::core::KernelSnapshot{};
  }

 private:
  KernelUnderTest under_test_;
};

TEST_P(KernelIpsecConformance, BeginsEmpty) {
  const auto snapshot = Snapshot();
  EXPECT_THAT(snapshot.sas, IsEmpty());
  EXPECT_THAT(snapshot.pins, IsEmpty());
  EXPECT_THAT(snapshot.broken_pins, IsEmpty());
  EXPECT_THAT(snapshot.clear_pairs, IsEmpty());
  EXPECT_FALSE(snapshot.belt_whole);
}

TEST_P(KernelIpsecConformance, InstallsTheBeltTwice) {
  ASSERT_TRUE(kernel().InstallBelt().ok());
  EXPECT_TRUE(Snapshot().belt_whole);
  ASSERT_TRUE(kernel().InstallBelt().ok());
  EXPECT_TRUE(Snapshot().belt_whole);
}

TEST_P(KernelIpsecConformance, R17KeepsPinsOfEveryAddressPair) {
  const Pin v4 = MakePin("10.9.0.1", "10.9.0.2", 0x8c54a3fa);
  const Pin v6 = MakePin("fd00::1", "fd00::2", std::nullopt);
  Pin ends = MakePin("192.0.2.1", "192.0.2.2", 7);
  ends.local_end = Ip("10.9.0.1");
  ends.peer_end = Ip("10.9.0.3");
  Pin transport = MakePin("10.9.0.1", "10.9.0.4", std::nullopt);
  transport.transport_mode = true;
  for (const Pin& pin : {v4, v6, ends, transport}) ASSERT_TRUE(kernel().SetPin(pin).ok());
  EXPECT_THAT(Snapshot().pins, UnorderedElementsAre(v4, v6, ends, transport));
  ASSERT_TRUE(kernel().RemovePin(ends.local, ends.peer).ok());
  EXPECT_THAT(Snapshot().pins, UnorderedElementsAre(v4, v6, transport));
}

TEST_P(KernelIpsecConformance, R65KeepsAndMovesThePinOfATunnel) {
  x2sec::core::TunnelPin pin{.local = Ip("10.200.0.1"),
                             .network = *common::Cidr::Parse("10.100.0.0/16"),
                             .local_end = Ip("10.8.0.1"),
                             .peer_end = Ip("10.8.0.254"),
                             .reqid = 77,
                             .spi_out = std::nullopt};
  ASSERT_TRUE(kernel().SetTunnelPin(pin).ok());
  EXPECT_THAT(Snapshot().tunnel_pins, ElementsAre(pin));
  pin.reqid = 78;
  pin.peer_end = Ip("10.8.0.253");
  pin.spi_out = 0x8c54a3fa;
  pin.from_any_peer = true;
  ASSERT_TRUE(kernel().SetTunnelPin(pin).ok());
  EXPECT_THAT(Snapshot().tunnel_pins, ElementsAre(pin));
  auto all = pin;
  all.local = Ip("fd00::1");
  all.network = *common::Cidr::Parse("fd10::/16");
  all.local_end = Ip("fd08::1");
  all.peer_end = Ip("fd08::2");
  ASSERT_TRUE(kernel().SetTunnelPin(all).ok());
  EXPECT_THAT(Snapshot().tunnel_pins, UnorderedElementsAre(pin, all));
  EXPECT_THAT(Snapshot().broken_tunnel_pins, IsEmpty());
  ASSERT_TRUE(kernel().RemoveTunnelPin(pin.local, pin.network).ok());
  ASSERT_TRUE(kernel().RemoveTunnelPin(pin.local, pin.network).ok());
  EXPECT_THAT(Snapshot().tunnel_pins, ElementsAre(all));
  auto wrong = pin;
  wrong.network = *common::Cidr::Parse("10.100.0.1/32");
  EXPECT_EQ(kernel().SetTunnelPin(wrong).code(), absl::StatusCode::kInvalidArgument);
  wrong.network = *common::Cidr::Parse("10.200.0.0/16");
  EXPECT_EQ(kernel().SetTunnelPin(wrong).code(), absl::StatusCode::kInvalidArgument) << "our own address is in it";
}

TEST_P(KernelIpsecConformance, MovesAPin) {
  for (const std::optional<std::uint32_t> spi :
       {std::optional(1U), std::optional(2U), std::optional<std::uint32_t>()}) {
    const Pin pin = MakePin("10.9.0.1", "10.9.0.2", spi);
    ASSERT_TRUE(kernel().SetPin(pin).ok());
    EXPECT_THAT(Snapshot().pins, ElementsAre(pin));
  }
}

TEST_P(KernelIpsecConformance, RefusesPinsThatCannotBe) {
  EXPECT_EQ(kernel().SetPin(MakePin("10.9.0.1", "fd00::2", 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kernel().SetPin(MakePin("10.9.0.1", "10.9.0.2", 0)).code(), absl::StatusCode::kInvalidArgument);
  Pin pin = MakePin("10.9.0.1", "10.9.0.2", 1);
  pin.reqid = 0;
  EXPECT_EQ(kernel().SetPin(pin).code(), absl::StatusCode::kInvalidArgument);
  pin = MakePin("10.9.0.1", "10.9.0.2", 1);
  pin.local_end = common::IpAddress();
  EXPECT_EQ(kernel().SetPin(pin).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Snapshot().pins, IsEmpty());
}

TEST_P(KernelIpsecConformance, RemovesWhatIsNotThere) {
  EXPECT_TRUE(kernel().RemovePin(Ip("10.9.0.1"), Ip("10.9.0.2")).ok());
  EXPECT_TRUE(kernel().ForbidClear({Ip("10.9.0.1"), Ip("10.9.0.2")}).ok());
  x2sec::core::SaInfo sa;
  sa.spi = 0x1234;
  sa.source = Ip("10.9.0.1");
  sa.destination = Ip("10.9.0.2");
  EXPECT_TRUE(kernel().DeleteSa(sa).ok());
}

TEST_P(KernelIpsecConformance, PinAndClearPairTakeEachOthersPlace) {
  const Pin pin = MakePin("10.9.0.1", "10.9.0.2", 5);
  const ClearPair pair{pin.local, pin.peer};
  ASSERT_TRUE(kernel().SetPin(pin).ok());
  ASSERT_TRUE(kernel().AllowClear(pair).ok());
  EXPECT_THAT(Snapshot().pins, IsEmpty());
  EXPECT_THAT(Snapshot().clear_pairs, ElementsAre(pair));
  ASSERT_TRUE(kernel().RemovePin(pair.local, pair.peer).ok());
  EXPECT_THAT(Snapshot().clear_pairs, ElementsAre(pair)) << "the exception is no pin";
  ASSERT_TRUE(kernel().SetPin(pin).ok());
  EXPECT_THAT(Snapshot().clear_pairs, IsEmpty());
  ASSERT_TRUE(kernel().ForbidClear(pair).ok());
  EXPECT_THAT(Snapshot().pins, ElementsAre(pin)) << "the pin is no exception";
}

TEST_P(KernelIpsecConformance, OwnChangesAreNoEvents) {
  ASSERT_TRUE(kernel().InstallBelt().ok());
  ASSERT_TRUE(kernel().SetPin(MakePin("10.9.0.1", "10.9.0.2", 5)).ok());
  ASSERT_TRUE(kernel().RemovePin(Ip("10.9.0.1"), Ip("10.9.0.2")).ok());
  EXPECT_THAT(kernel().ReadEvents(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, KernelIpsecConformance,
                         ::testing::Values(Kind{"Fake", MakeFake}, Kind{"Real", MakeReal}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace henb::tests
