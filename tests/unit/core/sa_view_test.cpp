#include "henb-x2sec/core/sa_view.h"

#include <gtest/gtest.h>

#include "core_fixture.h"

namespace henb::x2sec::core {
namespace {

LiveChild Live(std::uint64_t serial, std::uint32_t out, std::uint64_t bytes_in, std::uint64_t ike = 1) {
  return {.serial = serial, .ike_serial = ike, .spi_out = out, .spi_in = out + 1, .bytes_in = bytes_in, .bytes_out = 0};
}

TEST(SaView, AChildLivesOnlyWhenTheKernelHoldsBothDirections) {
  IkeSnapshot ike;
  ike.child_sas = {Child(2, 1, 0x10, 0x11), Child(4, 3, 0x20, 0x21)};
  KernelSnapshot kernel;
  kernel.sas = {OutSa(0x10), InSa(0x11, 40), OutSa(0x20)};
  const auto children = LiveChildren(Spec(), ike, kernel);
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].serial, 2U);
  EXPECT_EQ(children[0].bytes_in, 40U);
}

TEST(SaView, AnotherReqidOrConnectionIsNotOurs) {
  IkeSnapshot ike;
  ike.child_sas = {Child(2, 1, 0x10, 0x11)};
  KernelSnapshot kernel;
  kernel.sas = {OutSa(0x10, 0, 16001), InSa(0x11, 0, 16001)};
  EXPECT_TRUE(LiveChildren(Spec(), ike, kernel).empty());
  kernel.sas = {OutSa(0x10), InSa(0x11)};
  EXPECT_TRUE(LiveChildren(Spec("x2-henb-c.example-0"), ike, kernel).empty());
  ike.child_sas[0].established = false;
  EXPECT_TRUE(LiveChildren(Spec(), ike, kernel).empty());
}

TEST(SaView, OrphansAreSasOfThePairThatPlutoDoesNotKnow) {
  IkeSnapshot ike;
  ike.child_sas = {Child(2, 1, 0x10, 0x11)};
  KernelSnapshot kernel;
  kernel.sas = {OutSa(0x10), InSa(0x11), OutSa(0x66), InSa(0x67), OutSa(0x70, 0, 16001), OutSa(0)};
  const auto orphans = OrphanSas(Spec(), ike, kernel);
  ASSERT_EQ(orphans.size(), 2U);
  EXPECT_EQ(orphans[0].spi, 0x66U);
}

TEST(SaView, R63TheSuccessorIsTheNewestSaWithOneBack) {
  KernelSnapshot kernel;
  kernel.sas = {OutSa(0x10), InSa(0x11), OutSa(0x20), OutSa(0x30, 0, 16001), OutSa(0)};
  kernel.sas[0].added_at = 5;
  kernel.sas[2].added_at = 7;
  kernel.sas[3].added_at = kernel.sas[4].added_at = 9;
  EXPECT_EQ(Successor(Spec(), kernel), 0x20U);
  kernel.sas.erase(kernel.sas.begin() + 1);
  EXPECT_EQ(Successor(Spec(), kernel), std::nullopt) << "nothing back";
  EXPECT_EQ(Successor(Spec(), {}), std::nullopt);
}

TEST(SaView, PinStaysUntilANewerChildHasReceived) {
  EXPECT_EQ(ChoosePin({Live(2, 0x10, 500), Live(4, 0x20, 0)}, 0x10), 0x10U);
  EXPECT_EQ(ChoosePin({Live(2, 0x10, 500), Live(4, 0x20, 1)}, 0x10), 0x20U);
}

TEST(SaView, PinNeverGoesBackToAnOlderChild) {
  EXPECT_EQ(ChoosePin({Live(2, 0x10, 500), Live(4, 0x20, 0)}, 0x20), 0x20U);
}

TEST(SaView, WithoutALivingPinTheNewestThatReceivedElseTheNewest) {
  EXPECT_EQ(ChoosePin({Live(2, 0x10, 0), Live(4, 0x20, 7), Live(6, 0x30, 0)}, std::nullopt), 0x20U);
  EXPECT_EQ(ChoosePin({Live(2, 0x10, 0), Live(4, 0x20, 0)}, 0x99), 0x20U);
  EXPECT_EQ(ChoosePin({}, 0x10), std::nullopt);
}

TEST(SaView, R22SurplusIkeSasAndChildrenGoAndThePinnedOneStays) {
  const std::vector<std::vector<LiveChild>> children = {
      {Live(2, 0x10, 5, 1), Live(4, 0x20, 5, 3), Live(5, 0x30, 5, 3)}};
  EXPECT_EQ(Superfluous(children, {0x20}), (std::vector<std::uint64_t>{1, 5}));
  EXPECT_TRUE(Superfluous({{Live(2, 0x10, 5)}}, {0x10}).empty());
  EXPECT_TRUE(Superfluous(children, {0x99}).empty()) << "without a living pin nothing is deleted";
}

TEST(SaView, R22SurplusThatDoesNotGoIsStuckAtTheThirdTime) {
  SurplusAsked asked;
  EXPECT_FALSE(CountSurplus({1, 5}, &asked));
  EXPECT_FALSE(CountSurplus({5}, &asked));
  EXPECT_TRUE(CountSurplus({1, 5}, &asked));
}

TEST(SaView, R22NoSurplusForgetsWhatWasAsked) {
  SurplusAsked asked{{5, 2}};
  EXPECT_FALSE(CountSurplus({}, &asked));
  EXPECT_FALSE(CountSurplus({5}, &asked));
}

TEST(SaView, WhatHasBeenThereLongEnoughIsToldOnceAndTheRestRemembered) {
  const auto sa = [](std::uint32_t spi) {
    SaInfo made;
    made.spi = spi;
    return made;
  };
  std::map<std::uint32_t, absl::Duration> seen;
  const absl::Duration after = absl::Seconds(6);
  EXPECT_TRUE(SeenFor({sa(1), sa(2)}, absl::Seconds(10), after, &seen).empty());
  EXPECT_TRUE(SeenFor({sa(1)}, absl::Seconds(12), after, &seen).empty());
  const auto out = SeenFor({sa(1), sa(2)}, absl::Seconds(16), after, &seen);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].spi, 1U);
  EXPECT_EQ(seen, (std::map<std::uint32_t, absl::Duration>{{2, absl::Seconds(16)}})) << "gone between: begins anew";
}

}  // namespace
}  // namespace henb::x2sec::core
