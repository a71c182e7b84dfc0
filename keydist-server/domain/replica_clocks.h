// Whether the calendars of a service's replicas agree (R45, R49). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace henb::keydist::domain {

/// What a replica leaves about itself for the others, every kMarkEvery.
struct ReplicaMark {
  std::string name;
  std::uint64_t instance = 0;  ///< Of one run of the program.
  absl::Time clock;            ///< Its calendar when it left the mark. Kept to the microsecond.
  /// Ids of the key-encryption keys that it has; none: of a release that did not say.
  std::vector<std::string> keks{};
  friend bool operator==(const ReplicaMark&, const ReplicaMark&) = default;
};

constexpr absl::Duration kMarkEvery = absl::Seconds(2);
constexpr absl::Duration kReplicaGoneAfter = absl::Seconds(7);  ///< Without a new mark.
constexpr absl::Duration kMostClocksApart = absl::Seconds(10);

enum class ClockVerdict {
  kSettling,   ///< Not known yet what the others' say.
  kAgrees,     ///< With more than half of those that are there, itself included.
  kUndecided,  ///< With half of them: of two that disagree, either may be wrong.
  kOff,
};

/// Judges one replica's calendar by looks at all marks. A mark that changed between two looks was left between them:
/// that bounds how far the clocks are apart, whatever the way there took. One thread.
class ReplicaClocks {
 public:
  explicit ReplicaClocks(std::string own_name, std::uint64_t own_instance)
      : own_name_(std::move(own_name)), own_instance_(own_instance) {}

  /// The marks as they were asked for at `begin` and there at `end`, on a clock that never jumps; `now` is the calendar
  /// judged, at `end`.
  void Look(std::span<const ReplicaMark> marks, absl::Duration begin, absl::Duration end, absl::Time now);
  [[nodiscard]] ClockVerdict verdict() const { return verdict_; }
  /// The others that left a mark lately, as of the last look.
  [[nodiscard]] std::vector<ReplicaMark> others() const;
  /// Another program leaves marks under this one's name.
  [[nodiscard]] bool name_is_taken() const { return name_is_taken_; }

 private:
  /// What a calendar shows when the clock that never jumps shows zero: two calendars are compared by it.
  struct Zero {
    absl::Time least;
    absl::Time most;
  };
  struct Other {
    ReplicaMark mark;
    absl::Duration changed;    ///< When it was first seen like this.
    std::optional<Zero> zero;  ///< None: it may have been left long ago.
  };
  [[nodiscard]] ClockVerdict Judge(absl::Duration end, absl::Time own_zero) const;

  std::string own_name_;
  std::uint64_t own_instance_;
  std::optional<absl::Duration> last_begin_;
  absl::Duration last_end_;
  std::map<std::string, Other> others_;
  std::optional<ReplicaMark> own_;  ///< As last seen.
  bool name_is_taken_ = false;
  ClockVerdict verdict_ = ClockVerdict::kSettling;
};

}  // namespace henb::keydist::domain
