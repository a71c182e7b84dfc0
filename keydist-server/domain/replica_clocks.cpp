#include "keydist-server/domain/replica_clocks.h"

#include <algorithm>

namespace henb::keydist::domain {

void ReplicaClocks::Look(std::span<const ReplicaMark> marks, absl::Duration begin, absl::Duration end, absl::Time now) {
  const absl::Time own_zero = now - end;
  for (const ReplicaMark& mark : marks) {
    if (mark.name == own_name_) {
      // What an earlier run left stays as it is until this one writes; a stranger's comes again.
      name_is_taken_ = mark.instance != own_instance_ && own_ && *own_ != mark;
      own_ = mark;
      continue;
    }
    const auto [found, is_new] = others_.try_emplace(mark.name);
    Other& other = found->second;
    if (!is_new && other.mark == mark) continue;
    const absl::Time zero = mark.clock - end;  // Had it been left at the end.
    if (!is_new && last_begin_) {
      // It was left between the last look's beginning and this one's end.
      other.zero = Zero{.least = zero, .most = mark.clock - *last_begin_};
    } else if (absl::AbsDuration(zero - own_zero) <= kMostClocksApart + 2 * kMarkEvery) {
      // Left just now by a clock like this one, or else by chance as long ago as it is off.
      other.zero = Zero{.least = std::min(zero, own_zero), .most = std::max(zero, own_zero)};
    }
    other.mark = mark;
    other.changed = end;
  }
  last_begin_ = begin;
  last_end_ = end;
  verdict_ = Judge(end, own_zero);
}

std::vector<ReplicaMark> ReplicaClocks::others() const {
  std::vector<ReplicaMark> marks;
  for (const auto& [name, other] : others_) {
    if (last_end_ - other.changed <= kReplicaGoneAfter) marks.push_back(other.mark);
  }
  return marks;
}

ClockVerdict ReplicaClocks::Judge(absl::Duration end, absl::Time own_zero) const {
  std::size_t all = 1;
  std::size_t agreeing = 1;
  bool unknown = false;
  for (const auto& [name, other] : others_) {
    if (end - other.changed > kReplicaGoneAfter) continue;
    ++all;
    if (!other.zero) {
      unknown = true;
    } else if (own_zero >= other.zero->least - kMostClocksApart && own_zero <= other.zero->most + kMostClocksApart) {
      ++agreeing;
    }
  }
  // Who was off does not become right by the others' going away.
  if (all == 1 && verdict_ == ClockVerdict::kOff) return ClockVerdict::kOff;
  if (2 * agreeing > all) return ClockVerdict::kAgrees;
  if (unknown) return ClockVerdict::kSettling;
  return 2 * agreeing == all ? ClockVerdict::kUndecided : ClockVerdict::kOff;
}

}  // namespace henb::keydist::domain
