#include "henb-x2sec/pluto/release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::x2sec::pluto {
namespace {

TEST(ReleaseTest, TakesFourFromTenOn) {  // R23
  EXPECT_EQ(*SupportedRelease("Libreswan 4.10\n"), "4.10");
  EXPECT_EQ(*SupportedRelease("Libreswan 4.10 IKEv2 IKEv1 XFRM XFRMI esp-hw-offload"), "4.10");
  EXPECT_EQ(*SupportedRelease("Libreswan 4.12.1"), "4.12.1");
  EXPECT_EQ(*SupportedRelease("Libreswan 4.15rc1\n"), "4.15rc1");
}

TEST(ReleaseTest, RefusesOthersAndSaysSo) {  // R23
  for (const char* text :
       {"Libreswan 5.0\n", "Libreswan 3.32\n", "Libreswan 4.9", "Libreswan 4", "Libreswan 4.", "Libreswan v4.10",
        "Libreswan ", "Libreswan", "strongSwan 5.9.8", "", "\n", "Linux strongSwan U5.9.8/K6.1\nLibreswan 4.10"}) {
    const auto release = SupportedRelease(text);
    EXPECT_TRUE(absl::IsFailedPrecondition(release.status())) << text;
    EXPECT_THAT(std::string(release.status().message()), testing::HasSubstr("Libreswan 4.x from 4.10 on is"));
  }
}

}  // namespace
}  // namespace henb::x2sec::pluto
