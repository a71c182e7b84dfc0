// What the early unit reads, and what it says of a configuration that is wrong.
#include "henb-x2sec/guard/program/guard_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace henb::x2sec::guard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Protocol = core::ProtectedPort::Protocol;

TEST(GuardConfig, WithoutAConfigurationTheX2PortsAreShut) {
  const auto spec = ReadClosedSpec("", "x.toml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(*spec, ClosedSpec());
  EXPECT_EQ(spec->ports, core::X2Ports());
  EXPECT_THAT(spec->admitted, IsEmpty());
  EXPECT_THAT(spec->trusted, IsEmpty());
}

TEST(GuardConfig, ReadsItsPartAndNothingElse) {
  const auto spec = ReadClosedSpec(R"(
[device]
id = "henb-a.example"
[x2]
udp_ports = [2152, 4000]
mode = "transport"
[backhaul]
reqid = 50
interface = "wan0"
core_networks = ["10.100.0.0/16", "fd10::/32"]
[keydist]
address = "[fd10::1]:8443"
[whatever]
key = 1
)",
                                   "x.toml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->ports,
              ElementsAre(core::ProtectedPort{Protocol::kSctp, 36422}, core::ProtectedPort{Protocol::kUdp, 2152},
                          core::ProtectedPort{Protocol::kUdp, 4000}));
  EXPECT_EQ(spec->backhaul_reqid, 50);
  EXPECT_EQ(spec->core_networks.size(), 2U);
  EXPECT_THAT(spec->backhaul_only, ElementsAre(core::BackhaulOnlyService{*common::IpAddress::Parse("fd10::1"), 8443}));
  EXPECT_FALSE(spec->backhaul_trusted) << "only signed policy says that";
}

TEST(GuardConfig, SaysWhereItIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"[x2]\nudp_ports = [0]\n", "x.toml:2:"},
      {"[x2]\nudp_ports = [70000]\n", "x.toml:2:"},
      {"[x2]\nudp_ports = []\nsctp_ports = []\n", "nothing would be protected"},
      {"[backhaul]\nreqid = 16380\n", "x.toml:2:9"},
      {"[backhaul]\ncore_networks = [\"10.0.0.0/8\"]\n", "needs backhaul.reqid"},
      {"[backhaul]\nreqid = 5\ncore_networks = [\"10.0.0.1/8\"]\n", "x.toml:3:"},
      {"[keydist]\naddress = \"ks.example:8443\"\n", "is not an address and a port"},
      {"[keydist]\naddress = \"fd10::1:8443\"\n", "is not an address and a port"},
      {"[keydist]\naddress = \"10.0.0.1:0\"\n", "is not an address and a port"},
      {"[keydist]\naddress = \"10.0.0.1\"\n", "is not an address and a port"},
      {"[x2\n", "x.toml:1:"}};
  for (const auto& [text, message] : cases) {
    const auto spec = ReadClosedSpec(text, "x.toml");
    EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(spec.status().message()), HasSubstr(message)) << text;
  }
}

}  // namespace
}  // namespace henb::x2sec::guard
