// Epochs: which exist, which one is current, what is to be done now (R45, R49). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace henb::keydist::domain {

/// How long things take. All positive; prefetch + grace are shorter than length.
struct EpochSchedule {
  absl::Duration length = absl::Hours(24);
  absl::Duration grace = absl::Hours(2);     ///< The root outlives its epoch by this, for peers that have not moved on.
  absl::Duration prefetch = absl::Hours(1);  ///< The next epoch is made and its keys are handed out this long ahead.
};
/// InvalidArgument says which value does not fit.
[[nodiscard]] absl::Status CheckSchedule(const EpochSchedule& schedule);

/// One epoch of the store. It ends when the next one activates, or after the length of the schedule while there is no
/// next one.
struct EpochMark {
  std::uint64_t number = 0;
  absl::Time activates;
  bool destroyed = false;  ///< Its root is gone.
  friend bool operator==(const EpochMark&, const EpochMark&) = default;
};

struct EpochSpan {
  std::uint64_t number = 0;
  absl::Time activates;
  absl::Time ends;
  absl::Time expires;  ///< ends + grace: its root is destroyed, its keys are no longer to be used.
};

struct EpochPlan {
  std::optional<EpochMark>
      create;  ///< To be made by compare-and-create: the first replica wins, all use what is there.
  std::vector<std::uint64_t> destroy;  ///< Roots to destroy.
  std::optional<EpochSpan> current;    ///< None only before the first epoch is made.
  std::optional<EpochSpan> next;       ///< Made, not yet active.
};

/// `marks` in ascending order of number. `served` is the highest number that was ever current here: a clock that goes
/// backwards never brings an older epoch back. The current epoch is never in `destroy`; nor is one above it.
[[nodiscard]] EpochPlan PlanEpochs(std::span<const EpochMark> marks, std::uint64_t served,
                                   const EpochSchedule& schedule, absl::Time now);

}  // namespace henb::keydist::domain
