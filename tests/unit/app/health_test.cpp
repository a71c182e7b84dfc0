#include "henb-x2sec/app/links/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "common/log.h"
#include "tests/support/temp_directory.h"

namespace henb::x2sec::app {
namespace {

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

core::SaInfo Sa(std::string_view from, std::string_view to, int reqid) {
  core::SaInfo sa;
  sa.source = Ip(from);
  sa.destination = Ip(to);
  sa.reqid = reqid;
  return sa;
}

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() { config_.state_dir = directory_.path(); }
  tests::TempDirectory directory_;
  Config config_;
  common::FakeClock clock_{absl::FromUnixSeconds(2'000'000'000)};
};

TEST_F(HealthTest, R57AClockBelowTheBuildDateIsNotSane) {
  clock_.SetNow(absl::FromUnixSeconds(1'000'000'000));
  const HealthMonitor monitor(config_, clock_);
  EXPECT_FALSE(monitor.health().clock_sane);
  EXPECT_GT(monitor.floor(), absl::FromUnixSeconds(1'700'000'000));
}

TEST_F(HealthTest, R57TheFloorIsSavedAndHoldsAfterARestart) {
  HealthMonitor(config_, clock_).Save();
  clock_.SetNow(absl::FromUnixSeconds(1'999'999'999));
  HealthMonitor monitor(config_, clock_);
  EXPECT_EQ(monitor.floor(), absl::FromUnixSeconds(2'000'000'000));
  EXPECT_FALSE(monitor.health().clock_sane);
  clock_.Advance(absl::Seconds(1));
  monitor.Look({}, false);
  EXPECT_TRUE(monitor.health().clock_sane);
}

TEST_F(HealthTest, R57AVerifiedNotBeforeRaisesTheFloor) {
  HealthMonitor monitor(config_, clock_);
  EXPECT_TRUE(monitor.health().clock_sane);
  monitor.RaiseFloor(clock_.Now() + absl::Hours(1));
  EXPECT_FALSE(monitor.health().clock_sane);
  monitor.RaiseFloor(absl::UnixEpoch());
  EXPECT_EQ(monitor.floor(), clock_.Now() + absl::Hours(1));
}

TEST_F(HealthTest, SavesOnceAnHourAndAtTheEnd) {
  HealthMonitor monitor(config_, clock_);
  monitor.Save();
  const std::string path = directory_.File("clock-floor");
  const std::string first = *common::ReadFile(path);
  clock_.Advance(absl::Minutes(59));
  monitor.Save();
  EXPECT_EQ(*common::ReadFile(path), first);
  monitor.Save(true);
  const std::string second = *common::ReadFile(path);
  EXPECT_NE(second, first);
  clock_.Advance(absl::Minutes(61));
  monitor.Save();
  EXPECT_NE(*common::ReadFile(path), second);
}

TEST_F(HealthTest, R57ADeletedFloorStaysDeletedWhileTheClockIsHeld) {
  HealthMonitor(config_, clock_).Save();
  clock_.SetNow(absl::FromUnixSeconds(1'999'999'999));
  HealthMonitor monitor(config_, clock_);
  const std::string path = directory_.File("clock-floor");
  ASSERT_TRUE(std::filesystem::remove(path));
  monitor.Save(true);
  EXPECT_TRUE(absl::IsNotFound(common::ReadFile(path).status()));
  EXPECT_TRUE(HealthMonitor(config_, clock_).health().clock_sane);
  monitor.RaiseFloor(absl::FromUnixSeconds(2'000'000'001));
  monitor.Save(true);
  EXPECT_EQ(HealthMonitor(config_, clock_).floor(), absl::FromUnixSeconds(2'000'000'001));
}

TEST_F(HealthTest, AClockThatIsBehindIsNotSaved) {
  HealthMonitor(config_, clock_).Save();
  clock_.SetNow(absl::FromUnixSeconds(1'000'000'000));
  HealthMonitor(config_, clock_).Save();
  EXPECT_EQ(HealthMonitor(config_, clock_).floor(), absl::FromUnixSeconds(2'000'000'000));
}

TEST_F(HealthTest, AReadOnlyStateFolderIsToldOnce) {
  config_.state_dir = "/nonexistent";
  std::vector<std::string> lines;
  common::SetLogSinkForTest([&](std::string_view line) { lines.emplace_back(line); });
  HealthMonitor monitor(config_, clock_);
  monitor.Save(true);
  monitor.Save(true);
  common::SetLogSinkForTest(nullptr);
  EXPECT_EQ(lines.size(), 1U);
}

TEST_F(HealthTest, ADamagedFileLeavesTheBuildDate) {
  ASSERT_TRUE(common::WriteFileAtomically(directory_.File("clock-floor"), "yesterday").ok());
  const HealthMonitor monitor(config_, clock_);
  EXPECT_TRUE(monitor.health().clock_sane);
  EXPECT_GT(monitor.floor(), absl::FromUnixSeconds(1'700'000'000));
}

TEST_F(HealthTest, TheBackhaulIsUpWithSasBothWays) {
  config_.backhaul_reqid = 100;
  HealthMonitor monitor(config_, clock_);
  EXPECT_FALSE(monitor.health().backhaul_up);
  core::KernelSnapshot kernel;
  kernel.sas = {Sa("10.0.0.1", "10.0.0.2", 100), Sa("10.0.0.2", "10.0.0.1", 101)};
  monitor.Look(kernel, false);
  EXPECT_FALSE(monitor.health().backhaul_up);
  kernel.sas.push_back(Sa("10.0.0.2", "10.0.0.1", 100));
  monitor.Look(kernel, false);
  EXPECT_TRUE(monitor.health().backhaul_up);
  monitor.Look({}, false);
  EXPECT_FALSE(monitor.health().backhaul_up);
  monitor.Look({}, true);
  EXPECT_TRUE(monitor.health().backhaul_up) << "trusted by policy";
}

TEST_F(HealthTest, R65TheMovedBackhaulCounts) {
  config_.backhaul_reqid = 100;
  HealthMonitor monitor(config_, clock_);
  core::KernelSnapshot kernel;
  kernel.sas = {Sa("10.0.0.1", "10.0.0.2", 7), Sa("10.0.0.2", "10.0.0.1", 7)};
  monitor.Look(kernel, false);
  EXPECT_FALSE(monitor.health().backhaul_up) << "somebody else's reqid";
  monitor.Look(kernel, false, 7);
  EXPECT_TRUE(monitor.health().backhaul_up);
}

TEST_F(HealthTest, WithoutABackhaulThereIsNoneToMiss) {
  HealthMonitor monitor(config_, clock_);
  monitor.Look({}, false);
  EXPECT_TRUE(monitor.health().backhaul_up);
}

}  // namespace
}  // namespace henb::x2sec::app
