#include "keydist-server/domain/epoch.h"

#include <algorithm>

#include "common/status.h"

namespace henb::keydist::domain {
namespace {

EpochSpan SpanOf(std::span<const EpochMark> marks, std::size_t i, const EpochSchedule& schedule) {
  EpochSpan span{.number = marks[i].number, .activates = marks[i].activates, .ends = {}, .expires = {}};
  span.ends = i + 1 < marks.size() ? marks[i + 1].activates : marks[i].activates + schedule.length;
  span.expires = span.ends + schedule.grace;
  return span;
}

}  // namespace

absl::Status CheckSchedule(const EpochSchedule& schedule) {
  if (schedule.length < absl::Seconds(1)) return absl::InvalidArgumentError("epoch length is below one second");
  if (schedule.grace < absl::ZeroDuration()) return absl::InvalidArgumentError("grace time is negative");
  if (schedule.prefetch <= absl::ZeroDuration()) return absl::InvalidArgumentError("prefetch time is not positive");
  if (schedule.prefetch + schedule.grace >= schedule.length) {
    return absl::InvalidArgumentError("prefetch and grace time together are not shorter than the epoch");
  }
  return absl::OkStatus();
}

EpochPlan PlanEpochs(std::span<const EpochMark> marks, std::uint64_t served, const EpochSchedule& schedule,
                     absl::Time now) {
  EpochPlan plan;
  const std::uint64_t highest = marks.empty() ? 0 : marks.back().number;

  std::optional<std::size_t> current;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (marks[i].destroyed) continue;
    if (!current || marks[i].activates <= now || marks[i].number <= served) current = i;
  }
  if (!current) {
    plan.create = EpochMark{.number = highest + 1, .activates = now};
    return plan;
  }
  EpochSpan span = SpanOf(marks, *current, schedule);
  if (*current + 1 < marks.size()) {
    plan.next = SpanOf(marks, *current + 1, schedule);
  } else if (now >= span.ends - schedule.prefetch) {
    // Late (the service was down when it should have been made): active at once, but never before its predecessor.
    plan.create = EpochMark{.number = highest + 1, .activates = std::max({span.ends, now, span.activates})};
  }
  plan.current = span;
  for (std::size_t i = 0; i < *current; ++i) {
    if (!marks[i].destroyed && SpanOf(marks, i, schedule).expires <= now) plan.destroy.push_back(marks[i].number);
  }
  return plan;
}

}  // namespace henb::keydist::domain
