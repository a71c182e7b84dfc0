// What only the real kernel can show: what the policies are, whose they are, and which events come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "henb-x2sec/xfrm/xfrm_kernel.h"
#include "tests/support/network_namespace.h"

namespace henb::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using x2sec::core::Pin;
using x2sec::core::SaEvent;

constexpr const char* kIp = "/sbin/ip";

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

class XfrmKernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!network_.entered()) GTEST_SKIP() << "needs root and network namespaces";
    auto kernel = x2sec::xfrm::XfrmKernel::Open(x2sec::core::X2Ports());
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    kernel_ = std::move(kernel).value();
  }
  std::string Xfrm(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kIp, "xfrm"});
    return network_.Run(std::move(arguments));
  }
  std::string Policies() { return Xfrm({"policy"}); }
  /// A pin of 10.9.0.1 and 10.9.0.2.
  static Pin APin(std::optional<std::uint32_t> spi) {
    Pin pin;
    pin.local = pin.local_end = Ip("10.9.0.1");
    pin.peer = pin.peer_end = Ip("10.9.0.2");
    pin.reqid = 101;
    pin.spi_out = spi;
    return pin;
  }
  static std::size_t Count(const std::string& text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
  }
  x2sec::core::KernelIpsec& kernel() { return *kernel_; }

  NetworkNamespace network_;
  std::unique_ptr<x2sec::xfrm::XfrmKernel> kernel_;
};

TEST_F(XfrmKernelTest, R16BeltBlocksBothPortsBothWaysInBothFamilies) {
  ASSERT_TRUE(kernel().InstallBelt().ok());
  const std::string text = Policies();
  EXPECT_EQ(Count(text, "action block priority 4294967000"), 24U) << text;
  for (const char* direction : {"dir in ", "dir out ", "dir fwd "}) EXPECT_EQ(Count(text, direction), 8U);
  for (const char* selector :
       {"src 0.0.0.0/0 dst 0.0.0.0/0 proto udp dport 2152", "src 0.0.0.0/0 dst 0.0.0.0/0 proto udp sport 2152",
        "src 0.0.0.0/0 dst 0.0.0.0/0 proto sctp dport 36422", "src 0.0.0.0/0 dst 0.0.0.0/0 proto sctp sport 36422",
        "src ::/0 dst ::/0 proto udp dport 2152", "src ::/0 dst ::/0 proto udp sport 2152",
        "src ::/0 dst ::/0 proto sctp dport 36422", "src ::/0 dst ::/0 proto sctp sport 36422"}) {
    EXPECT_EQ(Count(text, selector), 3U) << selector << "\n" << text;
  }
}

TEST_F(XfrmKernelTest, PinIsWhatTheKernelShows) {
  ASSERT_TRUE(kernel().SetPin(APin(0x1234)).ok());
  const std::string text = Policies();
  EXPECT_EQ(Count(text, "dir out priority 1000"), 4U) << text;
  EXPECT_EQ(Count(text, "proto esp spi 0x00001234 reqid 101 mode tunnel"), 4U) << text;
  EXPECT_EQ(Count(text, "dir in priority 1000"), 4U) << text;
  EXPECT_EQ(Count(text, "proto esp reqid 0 mode tunnel"), 4U) << text;
  EXPECT_THAT(text, Not(HasSubstr("level use")));
}

TEST_F(XfrmKernelTest, PinWithoutAnSpiBlocksWithoutAskingForAnSa) {
  ASSERT_TRUE(kernel().SetPin(APin(0x1234)).ok());
  ASSERT_TRUE(kernel().SetPin(APin(std::nullopt)).ok());
  EXPECT_EQ(Count(Policies(), "dir out action block priority 1000"), 4U) << Policies();
  EXPECT_THAT(kernel().Snapshot()->pins, ElementsAre(APin(std::nullopt)));
}

TEST_F(XfrmKernelTest, ReportsAPinWithAPieceMissingAndRepairsIt) {
  ASSERT_TRUE(kernel().SetPin(APin(7)).ok());
  ASSERT_EQ(Xfrm({"policy", "delete", "src", "10.9.0.2/32", "dst", "10.9.0.1/32", "proto", "udp", "sport", "2152",
                  "dir", "in"}),
            "");
  EXPECT_THAT(kernel().ReadEvents(), SizeIs(1));
  EXPECT_THAT(kernel().Snapshot()->pins, IsEmpty());
  EXPECT_THAT(kernel().Snapshot()->broken_pins, ElementsAre(APin(7)));
  ASSERT_TRUE(kernel().SetPin(APin(7)).ok());
  EXPECT_THAT(kernel().Snapshot()->pins, ElementsAre(APin(7)));
}

TEST_F(XfrmKernelTest, ReportsAPinThatSomebodyOpened) {
  ASSERT_TRUE(kernel().SetPin(APin(7)).ok());
  ASSERT_EQ(Xfrm({"policy", "update", "src", "10.9.0.1/32", "dst", "10.9.0.2/32", "proto", "udp", "dport", "2152",
                  "dir", "out", "priority", "1000", "action", "allow"}),
            "");
  EXPECT_THAT(kernel().Snapshot()->broken_pins, SizeIs(1));
}

TEST_F(XfrmKernelTest, ReportsHalfAClearPair) {
  const x2sec::core::ClearPair pair{Ip("fd00::1"), Ip("fd00::2")};
  ASSERT_TRUE(kernel().AllowClear(pair).ok());
  EXPECT_EQ(Count(Policies(), "priority 900"), 8U) << Policies();
  ASSERT_EQ(Xfrm({"policy", "delete", "src", "fd00::1/128", "dst", "fd00::2/128", "proto", "sctp", "dport", "36422",
                  "dir", "out"}),
            "");
  EXPECT_THAT(kernel().Snapshot()->clear_pairs, IsEmpty());
  EXPECT_THAT(kernel().Snapshot()->broken_clear_pairs, ElementsAre(pair));
  ASSERT_TRUE(kernel().ForbidClear(pair).ok());
  EXPECT_EQ(Policies(), "");
}

TEST_F(XfrmKernelTest, ReportsABeltWithAHole) {
  ASSERT_TRUE(kernel().InstallBelt().ok());
  ASSERT_EQ(Xfrm({"policy", "delete", "src", "::/0", "dst", "::/0", "proto", "sctp", "dport", "36422", "dir", "fwd"}),
            "");
  EXPECT_FALSE(kernel().Snapshot()->belt_whole);
  ASSERT_TRUE(kernel().InstallBelt().ok());
  EXPECT_TRUE(kernel().Snapshot()->belt_whole);
}

TEST_F(XfrmKernelTest, TouchesNothingForeign) {
  // As pluto's, as somebody else's of the same port at another priority, and one that only looks like ours (marked).
  const std::vector<std::vector<std::string>> foreign = {
      {"src", "10.9.0.1/32", "dst", "10.9.0.2/32", "dir", "out", "priority", "1753281", "tmpl", "src", "10.9.0.1",
       "dst", "10.9.0.2", "proto", "esp", "reqid", "16389", "mode", "tunnel"},
      {"src", "10.9.0.1/32", "dst", "10.9.0.3/32", "proto", "udp", "dport", "2152", "dir", "out", "priority", "5000"},
      {"src", "10.9.0.1/32", "dst", "10.9.0.2/32", "proto", "udp", "dport", "2152", "dir", "out", "priority", "1000",
       "mark", "7", "mask", "255"}};
  for (const auto& policy : foreign) {
    std::vector<std::string> arguments = {"policy", "add"};
    arguments.insert(arguments.end(), policy.begin(), policy.end());
    ASSERT_EQ(Xfrm(arguments), "");
  }
  const std::string before = Policies();
  EXPECT_THAT(kernel().Snapshot()->broken_pins, IsEmpty());
  ASSERT_TRUE(kernel().SetPin(APin(7)).ok());
  ASSERT_TRUE(kernel().InstallBelt().ok());
  Pin occupied = APin(7);
  occupied.peer = occupied.peer_end = Ip("10.9.0.3");
  EXPECT_EQ(kernel().SetPin(occupied).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(kernel().SetPin(occupied).message()), HasSubstr("udp dport 2152"));
  ASSERT_TRUE(kernel().RemovePin(occupied.local, occupied.peer).ok());
  ASSERT_TRUE(kernel().RemovePin(APin(7).local, APin(7).peer).ok());
  const std::string after = Policies();
  EXPECT_EQ(Count(after, "priority 1753281"), 1U) << after;
  EXPECT_EQ(Count(after, "priority 5000"), 1U) << after;
  EXPECT_EQ(Count(after, "priority 1000"), 1U) << after;
  EXPECT_NE(before, "");
}

TEST_F(XfrmKernelTest, TellsOfAFlushByOthers) {
  ASSERT_TRUE(kernel().SetPin(APin(7)).ok());
  ASSERT_THAT(kernel().ReadEvents(), IsEmpty());
  ASSERT_EQ(Xfrm({"policy", "flush"}), "");
  const auto events = kernel().ReadEvents();
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events.front().kind, SaEvent::Kind::kPolicyChanged);
}

TEST_F(XfrmKernelTest, HoldsHundredsOfPins) {
  constexpr int kPins = 300;
  for (int i = 0; i < kPins; ++i) {
    Pin pin = APin(static_cast<std::uint32_t>(i + 1));
    pin.peer = pin.peer_end = Ip("10.9." + std::to_string(1 + i / 200) + "." + std::to_string(1 + i % 200));
    ASSERT_TRUE(kernel().SetPin(pin).ok());
  }
  EXPECT_THAT(kernel().Snapshot()->pins, SizeIs(kPins));
  EXPECT_THAT(kernel().Snapshot()->broken_pins, IsEmpty());
}

/// Real SAs: where the kernel has ESP.
class XfrmKernelSaTest : public XfrmKernelTest {
 protected:
  std::string AddSa(const std::vector<std::string>& rest) {
    std::vector<std::string> arguments = {"state", "add", "src", "10.9.0.1", "dst", "10.9.0.2", "proto", "esp"};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return Xfrm(arguments);
  }
  static constexpr const char* kKey = "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff01020304";
};

TEST_F(XfrmKernelSaTest, ReadsSasAndTheirEvents) {
  const std::string added = AddSa({"spi", "0x12", "reqid", "101", "mode", "tunnel", "replay-window", "128", "flag",
                                   "esn", "aead", "rfc4106(gcm(aes))", kKey, "128"});
  if (added.find("not found") != std::string::npos || added.find("not supported") != std::string::npos) {
    GTEST_SKIP() << "this kernel has no ESP; the lab's has: " << added;
  }
  ASSERT_EQ(added, "");
  ASSERT_EQ(AddSa({"spi", "0x13", "reqid", "102", "mode", "transport", "replay-window", "32", "enc", "cbc(aes)",
                   "0x00112233445566778899aabbccddeeff", "auth-trunc", "hmac(sha256)",
                   "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "128"}),
            "");
  ASSERT_NE(Xfrm({"state", "allocspi", "src", "10.9.0.2", "dst", "10.9.0.1", "proto", "esp", "min", "99", "max", "99"}),
            "");
  auto snapshot = kernel().Snapshot();
  ASSERT_TRUE(snapshot.ok());
  ASSERT_THAT(snapshot->sas, SizeIs(2)) << "the larval state is no SA";
  std::sort(snapshot->sas.begin(), snapshot->sas.end(), [](const auto& a, const auto& b) { return a.spi < b.spi; });
  const auto& gcm = snapshot->sas[0];
  EXPECT_EQ(gcm.spi, 0x12U);
  EXPECT_EQ(gcm.reqid, 101);
  EXPECT_EQ(gcm.source, Ip("10.9.0.1"));
  EXPECT_EQ(gcm.destination, Ip("10.9.0.2"));
  EXPECT_TRUE(gcm.tunnel);
  EXPECT_EQ(gcm.suite, "rfc4106(gcm(aes))/288");
  EXPECT_EQ(gcm.replay_window, 128U);
  EXPECT_GT(gcm.added_at, 0U);
  const auto& cbc = snapshot->sas[1];
  EXPECT_FALSE(cbc.tunnel);
  EXPECT_EQ(cbc.suite, "cbc(aes)/128+hmac(sha256)/256");
  EXPECT_EQ(cbc.replay_window, 32U);
  ASSERT_TRUE(kernel().DeleteSa(gcm).ok());
  EXPECT_THAT(kernel().Snapshot()->sas, SizeIs(1));
  const auto events = kernel().ReadEvents();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].kind, SaEvent::Kind::kAdded);
  EXPECT_EQ(events[0].reqid, 101);
  EXPECT_EQ(events[0].spi, 0x12U);
  EXPECT_EQ(events[1].reqid, 102);
  EXPECT_EQ(events[2].kind, SaEvent::Kind::kDeleted);
  EXPECT_EQ(events[2].reqid, 101);
  ASSERT_EQ(Xfrm({"state", "flush"}), "");
  EXPECT_EQ(kernel().ReadEvents().back().kind, SaEvent::Kind::kLost);
}

}  // namespace
}  // namespace henb::tests
