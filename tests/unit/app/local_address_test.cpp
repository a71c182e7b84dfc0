#include "henb-x2sec/app/links/local_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

void ExpectLoopback(const char* address, const std::string& interface) {
  const auto route = RouteTo(Ip(address), interface);
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->local, Ip(address));
  EXPECT_EQ(route->interface, "lo");
}

TEST(LocalAddress, OfTheLoopback) { ExpectLoopback("127.0.0.1", ""); }
TEST(LocalAddress, OfTheLoopbackByName) { ExpectLoopback("127.0.0.1", "lo"); }
TEST(LocalAddress, OfTheIpv6Loopback) { ExpectLoopback("::1", ""); }
TEST(LocalAddress, OfTheIpv6LoopbackByName) { ExpectLoopback("::1", "lo"); }

TEST(LocalAddress, UnknownInterfaceIsNamed) {
  const auto route = RouteTo(Ip("127.0.0.1"), "nosuch0");
  EXPECT_EQ(route.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(route.status().message()), HasSubstr("interface nosuch0: No such device"));
}

TEST(LocalAddress, WhatHasNoRouteIsNamed) {
  for (const char* address : {"255.255.255.255", "127.255.255.255"}) {
    const auto route = RouteTo(Ip(address), "");
    EXPECT_EQ(route.status().code(), absl::StatusCode::kNotFound) << address;
    EXPECT_THAT(std::string(route.status().message()), StartsWith(common::StrCat("no route to ", address)));
  }
}

}  // namespace
}  // namespace henb::x2sec::app
