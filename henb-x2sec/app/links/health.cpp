#include "henb-x2sec/app/links/health.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kSaveEvery = absl::Hours(1);

std::string FloorFile(const Config& config) { return common::StrCat(config.state_dir, "/clock-floor"); }

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

absl::Time BuildDate() {
  absl::Time date;
  std::string error;
  return absl::ParseTime("%Y-%m-%d", X2SEC_BUILD_DATE, &date, &error) ? date : absl::UnixEpoch();
}

/// The infinite past when nothing was saved, or nothing that can be read: then the other sources of the floor hold.
absl::Time SavedFloor(const std::string& path) {
  const absl::StatusOr<std::string> text = common::ReadFile(path, 64);
  if (absl::IsNotFound(text.status())) return absl::InfinitePast();
  absl::Time time;
  std::string error;
  if (text.ok() && absl::ParseTime("%Y-%m-%dT%H:%M:%SZ", common::ToAbsl(*text), &time, &error)) return time;
  common::LogWarning("clock.floor_unreadable",
                     {{"path", path}, {"error", text.ok() ? "not a time" : common::ToStd(text.status().message())}});
  return absl::InfinitePast();
}

/// An SA of `reqid` there and one back.
bool CarriesBothWays(const core::KernelSnapshot& kernel, int reqid) {
  std::set<std::pair<common::IpAddress, common::IpAddress>> ways;
  for (const core::SaInfo& sa : kernel.sas) {
    if (sa.reqid != reqid) continue;
    ways.emplace(sa.source, sa.destination);
    if (ways.contains({sa.destination, sa.source})) return true;
  }
  return false;
}

}  // namespace

HealthMonitor::HealthMonitor(const Config& config, const common::Clock& clock)
    : config_(config), clock_(clock), saved_(SavedFloor(FloorFile(config))), floor_(std::max(BuildDate(), saved_)) {
  health_.backhaul_up = !config.backhaul_reqid.has_value();
  JudgeClock();
}

void HealthMonitor::RaiseFloor(absl::Time not_before) {
  floor_ = std::max(floor_, not_before);
  JudgeClock();
}

void HealthMonitor::Save(bool now) {
  JudgeClock();
  const absl::Duration steady = clock_.Steady();
  if (!now && saved_at_ && steady - *saved_at_ < kSaveEvery) return;
  saved_at_ = steady;
  // A clock that is behind says nothing.
  if (health_.clock_sane) floor_ = std::max(floor_, absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now())));
  // What somebody has deleted to get out of the hold stays deleted.
  if (floor_ == saved_) return;
  const absl::Status saved = common::WriteFileAtomically(FloorFile(config_), Rfc3339(floor_), 0644);
  if (!saved.ok() && !complained_) common::LogWarning("clock.floor_not_saved", {{"error", saved}});
  complained_ = !saved.ok();
  if (saved.ok()) saved_ = floor_;
}

void HealthMonitor::Look(const core::KernelSnapshot& kernel, bool backhaul_trusted, std::optional<int> moved_reqid) {
  JudgeClock();
  const bool up = backhaul_trusted || !config_.backhaul_reqid || CarriesBothWays(kernel, *config_.backhaul_reqid) ||
                  (moved_reqid && CarriesBothWays(kernel, *moved_reqid));
  if (up != health_.backhaul_up) common::LogInfo(up ? "backhaul.up" : "backhaul.down", {{"trusted", backhaul_trusted}});
  health_.backhaul_up = up;
}

void HealthMonitor::JudgeClock() {
  const bool sane = clock_.Now() >= floor_;
  if (sane != health_.clock_sane) {
    if (sane) {
      common::LogInfo("clock.sane", {{"floor", Rfc3339(floor_)}});
    } else {
      common::LogAlarm("clock.below_floor", {{"now", Rfc3339(clock_.Now())}, {"floor", Rfc3339(floor_)}});
    }
  }
  health_.clock_sane = sane;
}

}  // namespace henb::x2sec::app
