// Which policies are ours and what they are read back as (R16, R17).
#include "henb-x2sec/xfrm/own_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>

#include "common/strings.h"

namespace henb::x2sec::xfrm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

core::Pin APin(std::optional<std::uint32_t> spi) {
  core::Pin pin;
  pin.local = pin.local_end = Ip("10.9.0.1");
  pin.peer = pin.peer_end = Ip("10.9.0.2");
  pin.reqid = 101;
  pin.spi_out = spi;
  return pin;
}

const Ports kPorts = core::X2Ports();

TEST(OwnPolicies, R16OutboundIsPinnedAndInboundNeedsEsp) {
  const auto policies = PoliciesOf(APin(0x1234), kPorts);
  ASSERT_THAT(policies, SizeIs(8)) << "two ports, as source and as destination, both ways";
  for (const KernelPolicy& policy : policies) {
    EXPECT_EQ(policy.priority, 1000U);
    EXPECT_FALSE(policy.block);
    ASSERT_TRUE(policy.sa.has_value());
    EXPECT_TRUE(policy.sa->required) << "never in clear";
    const bool out = policy.selector.direction == Direction::kOut;
    EXPECT_EQ(policy.sa->spi, out ? 0x1234U : 0U);
    EXPECT_EQ(policy.sa->reqid, out ? 101 : 0);
    EXPECT_EQ(policy.sa->source, out ? Ip("10.9.0.1") : Ip("10.9.0.2"));
    EXPECT_NE(policy.selector.source_port.has_value(), policy.selector.destination_port.has_value());
  }
}

TEST(OwnPolicies, R16WithoutAnSpiOutboundIsBlockedAndInboundStillNeedsEsp) {
  for (const KernelPolicy& policy : PoliciesOf(APin(std::nullopt), kPorts)) {
    EXPECT_EQ(policy.block, policy.selector.direction == Direction::kOut);
    EXPECT_TRUE(policy.sa.has_value());
  }
}

core::TunnelPin ATunnelPin(const char* network) {
  core::TunnelPin pin;
  pin.local = Ip("10.200.0.1");
  pin.network = *common::Cidr::Parse(network);
  pin.local_end = Ip("10.8.0.1");
  pin.peer_end = Ip("10.8.0.254");
  pin.reqid = 77;
  return pin;
}

TEST(OwnPolicies, R65ATunnelsPinCoversBothHalvesOfItsNetwork) {
  const auto policies = PoliciesOf(ATunnelPin("10.100.0.0/16"));
  ASSERT_THAT(policies, SizeIs(4));
  std::vector<std::string> networks;
  for (const KernelPolicy& policy : policies) {
    EXPECT_GT(policy.priority, 1753281U) << "pluto's for two hosts";
    EXPECT_LT(policy.priority, 1753283U) << "pluto's for a host and a /31";
    ASSERT_TRUE(policy.sa.has_value());
    EXPECT_TRUE(policy.sa->required) << "never in clear";
    const bool out = policy.selector.direction == Direction::kOut;
    EXPECT_EQ(policy.sa->reqid, out ? 77 : 0);
    EXPECT_EQ(policy.sa->source, out ? Ip("10.8.0.1") : Ip("10.8.0.254"));
    if (out) {
      networks.push_back(
          common::StrCat(policy.selector.destination.ToString(), "/", policy.selector.destination_prefix));
    }
  }
  EXPECT_THAT(networks, ElementsAre("10.100.0.0/17", "10.100.128.0/17")) << "10.100.0.0/16 is pluto's own place";
  EXPECT_THAT(PoliciesOf(ATunnelPin("0.0.0.0/0")), SizeIs(4));
  EXPECT_THAT(PoliciesOf(ATunnelPin("10.100.0.1/32")), IsEmpty());
}

TEST(OwnPolicies, R65ATunnelsPinIsReadBackAsItWasWritten) {
  for (const char* network : {"10.100.0.0/16", "0.0.0.0/0", "10.100.0.2/31"}) {
    core::TunnelPin pin = ATunnelPin(network);
    for (const auto& spi : {std::optional<std::uint32_t>(), std::optional<std::uint32_t>(0x1234)}) {
      for (const bool from_any : {false, true}) {
        pin.spi_out = spi;
        pin.from_any_peer = from_any;
        const OwnPolicies own = Recognise(PoliciesOf(pin), kPorts);
        EXPECT_THAT(own.tunnel_pins, ElementsAre(pin)) << network;
        EXPECT_THAT(own.broken_tunnel_pins, IsEmpty());
      }
    }
  }
  auto half = PoliciesOf(ATunnelPin("10.100.0.0/16"));
  half.pop_back();
  EXPECT_THAT(Recognise(half, kPorts).broken_tunnel_pins, SizeIs(1));
  EXPECT_THAT(Recognise(half, kPorts).tunnel_pins, IsEmpty());
}

TEST(OwnPolicies, R16BeltIsAtTheWorstPriorityInEveryDirection) {
  const auto policies = BeltPolicies(kPorts);
  ASSERT_THAT(policies, SizeIs(24));
  for (const KernelPolicy& policy : policies) {
    EXPECT_TRUE(policy.block);
    EXPECT_EQ(policy.priority, 4294967000U);
    EXPECT_EQ(policy.selector.source_prefix, 0);
    EXPECT_EQ(policy.selector.destination_prefix, 0);
  }
}

TEST(OwnPolicies, ReadsBackWhatItMade) {
  std::vector<KernelPolicy> dump = BeltPolicies(kPorts);
  core::Pin v6 = APin(9);
  v6.local = Ip("fd00::1");
  v6.peer = Ip("fd00::2");
  v6.transport_mode = false;
  const core::ClearPair clear{Ip("10.9.0.1"), Ip("10.9.0.9")};
  for (const auto& made : {PoliciesOf(APin(std::nullopt), kPorts), PoliciesOf(v6, kPorts), PoliciesOf(clear, kPorts)}) {
    dump.insert(dump.end(), made.begin(), made.end());
  }
  std::reverse(dump.begin(), dump.end());
  const OwnPolicies own = Recognise(dump, kPorts);
  EXPECT_THAT(own.pins, ElementsAre(APin(std::nullopt), v6));
  EXPECT_THAT(own.clear_pairs, ElementsAre(clear));
  EXPECT_THAT(own.broken_pins, IsEmpty());
  EXPECT_THAT(own.broken_clear_pairs, IsEmpty());
  EXPECT_TRUE(own.belt_whole);
}

TEST(OwnPolicies, EverySingleMissingPolicyShows) {
  const auto pin = PoliciesOf(APin(7), kPorts);
  for (std::size_t i = 0; i < pin.size(); ++i) {
    auto dump = pin;
    dump.erase(dump.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(Recognise(dump, kPorts).pins, IsEmpty()) << i;
    EXPECT_THAT(Recognise(dump, kPorts).broken_pins, ElementsAre(APin(7))) << i;
  }
  const auto belt = BeltPolicies(kPorts);
  for (std::size_t i = 0; i < belt.size(); ++i) {
    auto dump = belt;
    dump.erase(dump.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(Recognise(dump, kPorts).belt_whole) << i;
  }
}

TEST(OwnPolicies, EverySingleChangeShows) {
  const auto pin = PoliciesOf(APin(7), kPorts);
  for (std::size_t i = 0; i < pin.size(); ++i) {
    const std::vector<std::function<void(KernelPolicy&)>> changes = {
        [](KernelPolicy& p) { p.block = !p.block; },     [](KernelPolicy& p) { p.sa.reset(); },
        [](KernelPolicy& p) { p.sa->required = false; }, [](KernelPolicy& p) { p.sa->spi += 1; },
        [](KernelPolicy& p) { p.sa->tunnel = false; },   [](KernelPolicy& p) { p.plain = false; },
        [](KernelPolicy& p) { p.priority = 2000; },      [](KernelPolicy& p) { p.sa->source = Ip("10.9.0.66"); },
        [](KernelPolicy& p) { p.sa->reqid += 1; }};
    for (std::size_t change = 0; change < changes.size(); ++change) {
      auto dump = pin;
      changes[change](dump[i]);
      EXPECT_THAT(Recognise(dump, kPorts).pins, IsEmpty()) << i << " " << change;
      EXPECT_THAT(Recognise(dump, kPorts).broken_pins, SizeIs(1)) << i << " " << change;
    }
  }
}

TEST(OwnPolicies, OthersArePassedOver) {
  KernelPolicy pluto;
  pluto.selector = {Direction::kOut, Ip("10.9.0.1"), 32, Ip("10.9.0.2"), 32, 0, {}, {}};
  pluto.priority = 1753281;
  pluto.sa = PolicyTemplate{Ip("10.9.0.1"), Ip("10.9.0.2"), 0, 101, true, true};
  KernelPolicy same_priority = pluto;
  same_priority.priority = kPinPriority;
  KernelPolicy network = PoliciesOf(APin(7), kPorts).front();
  network.selector.destination_prefix = 24;
  KernelPolicy other_port = PoliciesOf(APin(7), kPorts).front();
  other_port.selector.destination_port = 36412;  // S1-MME
  KernelPolicy forward = PoliciesOf(APin(7), kPorts).front();
  forward.selector.direction = Direction::kForward;
  const OwnPolicies own = Recognise({pluto, same_priority, network, other_port, forward}, kPorts);
  EXPECT_THAT(own.pins, IsEmpty());
  EXPECT_THAT(own.broken_pins, IsEmpty());
}

}  // namespace
}  // namespace henb::x2sec::xfrm
