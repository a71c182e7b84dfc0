// What the operator registered about HeNBs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest.h"
#include "common/henb_id.h"

namespace henb::keydist::domain {

/// kRemoved records stay in the store as bearers of the generation: a name that is registered again never gets keys
/// that it had before. Everybody but the store's own code sees them as unknown.
enum class HenbState : std::uint8_t { kActive = 1, kSuspended = 2, kRemoved = 3 };

/// A value. Groups and anchors are sorted and without repetition.
struct HenbRecord {
  common::HenbId id;
  std::vector<common::SpkiHash> anchors;  ///< Trust anchors whose claim to `id` is accepted.
  HenbState state = HenbState::kActive;
  std::uint32_t generation = 1;  ///< Only grows; part of every key of this HeNB.
  std::vector<std::string> groups;

  friend bool operator==(const HenbRecord&, const HenbRecord&) = default;
};

/// A group's name: 1 to 64 of a–z, 0–9, '-', '_', '.'; InvalidArgument quotes it.
[[nodiscard]] absl::Status CheckGroupName(std::string_view name);

constexpr std::size_t kMaxAnchors = 8;
constexpr std::size_t kMaxGroups = 64;

/// Sorts, removes repetitions, checks the limits: at least one and at most kMaxAnchors anchors, at most kMaxGroups
/// groups.
[[nodiscard]] absl::Status Normalise(HenbRecord* record);

/// The changes an operator makes; each raises the generation where keys must change. Repeating one changes nothing.
[[nodiscard]] HenbRecord Suspended(HenbRecord record);
[[nodiscard]] HenbRecord Resumed(HenbRecord record);
[[nodiscard]] HenbRecord Removed(HenbRecord record);
[[nodiscard]] HenbRecord Rotated(HenbRecord record);

/// An unordered pair of identities, kept as (lower, higher).
class PairId {
 public:
  PairId() = default;
  /// InvalidArgument when both are the same.
  [[nodiscard]] static absl::StatusOr<PairId> Of(common::HenbId one, common::HenbId other);
  [[nodiscard]] const common::HenbId& lower() const { return ids_.first; }
  [[nodiscard]] const common::HenbId& higher() const { return ids_.second; }
  friend auto operator<=>(const PairId&, const PairId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PairId& pair) {
    return H::combine(std::move(h), pair.ids_);
  }

 private:
  std::pair<common::HenbId, common::HenbId> ids_;
};

/// The operator's word about one pair, beside the groups.
enum class PairRule : std::uint8_t { kNone = 0, kAllow = 1, kDeny = 2 };

}  // namespace henb::keydist::domain
