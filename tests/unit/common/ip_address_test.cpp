#include "common/ip_address.h"

#include <gtest/gtest.h>

namespace henb::common {
namespace {

TEST(IpAddress, ParsesBothFamilies) {
  const auto v4 = IpAddress::Parse("192.0.2.1");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->family(), AF_INET);
  EXPECT_EQ(v4->bytes().size(), 4U);
  EXPECT_EQ(v4->ToString(), "192.0.2.1");
  const auto v6 = IpAddress::Parse("2001:DB8::0:1");
  ASSERT_TRUE(v6.ok());
  EXPECT_TRUE(v6->is_v6());
  EXPECT_EQ(v6->ToString(), "2001:db8::1");
  EXPECT_EQ(*IpAddress::FromBytes(v6->bytes()), *v6);
  EXPECT_EQ(*IpAddress::FromBytes(v4->bytes()), *v4);
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const std::string& text :
       {std::string(), std::string("192.0.2"), std::string("192.0.2.256"), std::string("192.0.2.1:80"),
        std::string("host"), std::string("fe80::1%eth0"), std::string("[::1]"), std::string(" 192.0.2.1"),
        std::string("192.0.2.1\0x", 11), std::string("10.0.0.0/8")}) {
    EXPECT_EQ(IpAddress::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  const std::uint8_t five[5] = {};
  EXPECT_FALSE(IpAddress::FromBytes(five).ok());
}

TEST(IpAddress, DefaultIsNoAddress) {
  EXPECT_EQ(IpAddress().family(), AF_UNSPEC);
  EXPECT_EQ(IpAddress().ToString(), "");
  EXPECT_NE(IpAddress(), *IpAddress::Parse("0.0.0.0"));
}

TEST(Cidr, HoldsItsAddressesOnly) {
  struct Case {
    const char* network;
    const char* inside;
    const char* outside;
  };
  for (const Case& c :
       {Case{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"}, Case{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        Case{"192.0.2.1/32", "192.0.2.1", "192.0.2.0"}, Case{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        Case{"::1/128", "::1", "::"}, Case{"0.0.0.0/0", "255.255.255.255", "::"}, Case{"::/0", "ffff::", "0.0.0.0"}}) {
    const auto cidr = Cidr::Parse(c.network);
    ASSERT_TRUE(cidr.ok()) << cidr.status();
    EXPECT_TRUE(cidr->Contains(*IpAddress::Parse(c.inside))) << c.network;
    EXPECT_FALSE(cidr->Contains(*IpAddress::Parse(c.outside))) << c.network;
    EXPECT_FALSE(cidr->Contains(IpAddress())) << c.network;
    EXPECT_EQ(cidr->ToString(), c.network);
  }
}

TEST(Cidr, HoldsSmallerNetworks) {
  const Cidr ten = *Cidr::Parse("10.0.0.0/8");
  EXPECT_TRUE(ten.Contains(ten));
  EXPECT_TRUE(ten.Contains(*Cidr::Parse("10.1.0.0/16")));
  EXPECT_FALSE(ten.Contains(*Cidr::Parse("0.0.0.0/0")));
  EXPECT_FALSE(ten.Contains(*Cidr::Parse("11.0.0.0/16")));
  EXPECT_FALSE(ten.Contains(*Cidr::Parse("::/16")));
  EXPECT_FALSE(Cidr().Contains(Cidr()));
}

TEST(Cidr, RefusesWhatIsLikelierAMistake) {
  for (const char* text : {"", "/", "10.0.0.0", "10.0.0/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ",
                           "10.0.0.1/8", "2001:db8::1/64", "::/129", "10.0.0.0/0000", "10.0.0.0/8/8", "x/8"}) {
    const auto cidr = Cidr::Parse(text);
    EXPECT_EQ(cidr.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(std::string(cidr.status().message()).find("is not a CIDR"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace henb::common
