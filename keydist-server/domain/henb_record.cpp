#include "keydist-server/domain/henb_record.h"

#include <algorithm>

#include "common/status.h"

namespace henb::keydist::domain {
namespace {

template <typename T>
void SortUnique(std::vector<T>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

}  // namespace

absl::Status CheckGroupName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), fits)) {
    return absl::InvalidArgumentError(
        common::StrCat("\"", common::Quoted(name), "\" is not a group name: 1 to 64 of a-z, 0-9, '-', '_', '.'"));
  }
  return absl::OkStatus();
}

absl::Status Normalise(HenbRecord* record) {
  SortUnique(&record->anchors);
  SortUnique(&record->groups);
  if (record->anchors.empty()) return absl::InvalidArgumentError("a HeNB needs at least one trust anchor");
  if (record->anchors.size() > kMaxAnchors) {
    return absl::InvalidArgumentError(common::StrCat("more than ", kMaxAnchors, " trust anchors"));
  }
  if (record->groups.size() > kMaxGroups) {
    return absl::InvalidArgumentError(common::StrCat("more than ", kMaxGroups, " groups"));
  }
  for (const std::string& group : record->groups) RETURN_IF_ERROR(CheckGroupName(group));
  return absl::OkStatus();
}

HenbRecord Suspended(HenbRecord record) {
  if (record.state != HenbState::kActive) return record;
  record.state = HenbState::kSuspended;
  ++record.generation;
  return record;
}

HenbRecord Resumed(HenbRecord record) {
  if (record.state == HenbState::kSuspended) record.state = HenbState::kActive;
  return record;
}

HenbRecord Removed(HenbRecord record) {
  if (record.state == HenbState::kRemoved) return record;
  record.state = HenbState::kRemoved;
  ++record.generation;
  record.groups.clear();
  return record;
}

HenbRecord Rotated(HenbRecord record) {
  ++record.generation;
  return record;
}

absl::StatusOr<PairId> PairId::Of(common::HenbId one, common::HenbId other) {
  if (one == other) return absl::InvalidArgumentError(common::StrCat("a pair has two ends, both are ", one.str()));
  PairId pair;
  if (other < one) std::swap(one, other);
  pair.ids_ = {std::move(one), std::move(other)};
  return pair;
}

}  // namespace henb::keydist::domain
