#include "keydist-server/domain/authoriser.h"

#include <algorithm>

namespace henb::keydist::domain {
namespace {

bool ShareGroup(const HenbRecord& a, const HenbRecord& b) {
  auto i = a.groups.begin();
  auto j = b.groups.begin();
  while (i != a.groups.end() && j != b.groups.end()) {
    const int order = i->compare(*j);
    if (order == 0) return true;
    order < 0 ? static_cast<void>(++i) : static_cast<void>(++j);
  }
  return false;
}

}  // namespace

CallerVerdict JudgeCaller(const HenbRecord* record, const common::SpkiHash& anchor) {
  if (record == nullptr || record->state == HenbState::kRemoved) return CallerVerdict::kUnknown;
  if (!std::binary_search(record->anchors.begin(), record->anchors.end(), anchor)) return CallerVerdict::kUnknown;
  return record->state == HenbState::kActive ? CallerVerdict::kAccepted : CallerVerdict::kSuspended;
}

PairVerdict JudgePair(const HenbRecord& caller, const HenbRecord* peer, PairRule rule) {
  if (caller.state != HenbState::kActive) return PairVerdict::kNotAllowed;
  if (peer == nullptr || peer->state == HenbState::kRemoved || peer->id == caller.id) return PairVerdict::kNotAllowed;
  if (rule == PairRule::kDeny) return PairVerdict::kNotAllowed;
  if (rule != PairRule::kAllow && !ShareGroup(caller, *peer)) return PairVerdict::kNotAllowed;
  return peer->state == HenbState::kActive ? PairVerdict::kAllowed : PairVerdict::kPeerSuspended;
}

}  // namespace henb::keydist::domain
