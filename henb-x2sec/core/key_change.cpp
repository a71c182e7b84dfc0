#include "henb-x2sec/core/key_change.h"

#include <algorithm>

#include "common/strings.h"

namespace henb::x2sec::core {
namespace {

using Kind = KeyChangeAction::Kind;
using common::StrCat;

bool Contains(const std::vector<std::uint64_t>& list, std::uint64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

KeyChangeStep Enter(KeyChange change, KeyChangePhase phase, const KeyChangeView& view,
                    std::vector<KeyChangeAction> actions) {
  change.phase = phase;
  change.phase_since = view.now;
  return {std::move(change), std::move(actions)};
}

KeyChangeStep Fail(KeyChange change, std::string why, const KeyChangeView& view,
                   std::vector<KeyChangeAction> actions = {}) {
  change.why_failed = std::move(why);
  return Enter(std::move(change), KeyChangePhase::kFailed, view, std::move(actions));
}

/// The child that was not there at the start, newest.
const LiveChild* NewChild(const KeyChange& change, const std::vector<LiveChild>& children) {
  for (auto it = children.rbegin(); it != children.rend(); ++it) {
    if (!Contains(change.old_children, it->serial)) return &*it;
  }
  return nullptr;
}

std::uint64_t NewIke(const KeyChange& change, const KeyChangeView& view) {
  std::uint64_t newest = 0;
  for (const IkeSa& ike : view.ike_sas) {
    if (ike.established && ike.serial > change.newest_old_ike) newest = std::max(newest, ike.serial);
  }
  return newest;
}

bool AllHaveNewChild(const KeyChange& change, const KeyChangeView& view) {
  return std::all_of(view.children.begin(), view.children.end(),
                     [&](const auto& children) { return NewChild(change, children) != nullptr; });
}

bool OldIkeIsThere(const KeyChange& change, const KeyChangeView& view) {
  return std::any_of(view.ike_sas.begin(), view.ike_sas.end(),
                     [&](const IkeSa& ike) { return ike.established && Contains(change.old_ikes, ike.serial); });
}

std::vector<std::uint64_t> OldBytesIn(const KeyChange& change, const KeyChangeView& view) {
  std::vector<std::uint64_t> sums;
  for (const auto& children : view.children) {
    std::uint64_t sum = 0;
    for (const LiveChild& child : children) {
      if (Contains(change.old_children, child.serial)) sum += child.bytes_in;
    }
    sums.push_back(sum);
  }
  return sums;
}

/// Removes a half-made change: the new IKE SA and its children, which carry nothing yet.
std::vector<KeyChangeAction> UndoNew(const KeyChange& change, const KeyChangeView& view) {
  std::vector<KeyChangeAction> actions;
  for (const IkeSa& ike : view.ike_sas) {
    if (ike.serial > change.newest_old_ike) actions.push_back({.kind = Kind::kDeleteState, .serial = ike.serial});
  }
  return actions;
}

KeyChangeStep MovePins(KeyChange change, const KeyChangeView& view) {
  std::vector<KeyChangeAction> actions;
  for (std::size_t i = 0; i < view.children.size(); ++i) {
    actions.push_back({.kind = Kind::kMovePin, .connection = i, .spi = NewChild(change, view.children[i])->spi_out});
  }
  for (std::size_t i = 0; i < view.children.size(); ++i) actions.push_back({.kind = Kind::kProbe, .connection = i});
  change.old_bytes_in = OldBytesIn(change, view);
  change.grew_at = view.now;
  return Enter(std::move(change), KeyChangePhase::kDraining, view, std::move(actions));
}

KeyChangeStep OpenChildren(KeyChange change, const KeyChangeView& view, std::uint64_t new_ike) {
  change.new_ike = new_ike;
  std::vector<KeyChangeAction> actions;
  for (std::size_t i = 0; i < view.children.size(); ++i) actions.push_back({.kind = Kind::kOpenChild, .connection = i});
  return Enter(std::move(change), KeyChangePhase::kOpeningChild, view, std::move(actions));
}

KeyChangeStep Retire(KeyChange change, const KeyChangeView& view) {
  std::vector<KeyChangeAction> actions;
  for (const IkeSa& ike : view.ike_sas) {
    if (Contains(change.old_ikes, ike.serial)) actions.push_back({.kind = Kind::kDeleteState, .serial = ike.serial});
  }
  return Enter(std::move(change), KeyChangePhase::kRetiring, view, std::move(actions));
}

KeyChangeStep Reauthenticating(KeyChange change, const KeyChangeView& view, const KeyChangeLimits& limits) {
  if (const std::uint64_t new_ike = NewIke(change, view)) {
    // The peer may have started as well and be further on: then its children do.
    if (AllHaveNewChild(change, view)) return MovePins(change, view);
    return OpenChildren(change, view, new_ike);
  }
  if (!OldIkeIsThere(change, view))
    return Fail(change, "peer_deleted: the old IKE SA ended before the new one was there", view);
  const bool under_way = !UndoNew(change, view).empty();
  if (change.attempt_seen && !under_way) {
    return Fail(change, "reauthentication_refused: pluto has given the new IKE SA up; the old one stays", view);
  }
  change.attempt_seen = under_way;
  if (view.now - change.phase_since > limits.reauthenticate) {
    return Fail(change, "reauthentication_refused: no new IKE SA; the old one stays", view, UndoNew(change, view));
  }
  return {change, {}};
}

KeyChangeStep OpeningChild(const KeyChange& change, const KeyChangeView& view, const KeyChangeLimits& limits) {
  if (AllHaveNewChild(change, view)) return MovePins(change, view);
  if (view.now - change.phase_since <= limits.open_child) return {change, {}};
  // With the old IKE SA gone the new one is all there is: it is kept, and the link sees to its children.
  if (!OldIkeIsThere(change, view))
    return Fail(change, "peer_deleted: the old IKE SA ended before the new children", view);
  return Fail(change, "no_child: the new IKE SA has no child SA; the old one stays", view, UndoNew(change, view));
}

KeyChangeStep Draining(KeyChange change, const KeyChangeView& view, const KeyChangeLimits& limits) {
  if (!AllHaveNewChild(change, view)) {
    return Fail(change, "peer_deleted: a new child SA ended before the old one was retired", view);
  }
  std::vector<std::uint64_t> old_bytes = OldBytesIn(change, view);
  if (old_bytes > change.old_bytes_in || old_bytes < change.old_bytes_in) {
    change.old_bytes_in = std::move(old_bytes);
    change.grew_at = view.now;
  }
  bool peer_moved = view.now - change.grew_at >= limits.calm;
  std::vector<KeyChangeAction> probes;
  for (std::size_t i = 0; i < view.children.size(); ++i) {
    if (NewChild(change, view.children[i])->bytes_in > 0) continue;
    peer_moved = false;
    probes.push_back({.kind = Kind::kProbe, .connection = i});
  }
  const bool too_long = view.now - change.phase_since > limits.drain;
  if (peer_moved || too_long || !OldIkeIsThere(change, view)) return Retire(std::move(change), view);
  return {std::move(change), std::move(probes)};
}

KeyChangeStep Retiring(const KeyChange& change, const KeyChangeView& view, const KeyChangeLimits& limits) {
  const bool gone = std::none_of(view.ike_sas.begin(), view.ike_sas.end(),
                                 [&](const IkeSa& ike) { return Contains(change.old_ikes, ike.serial); });
  if (gone) return Enter(change, KeyChangePhase::kDone, view, {});
  if (view.now - change.phase_since > limits.retire) {
    return Fail(change, "old_stays: the old IKE SA could not be deleted; traffic is on the new one", view);
  }
  return {change, {}};
}

}  // namespace

KeyChangeStep BeginKeyChange(const KeyChangeView& view) {
  KeyChange change;
  if (!view.pluto_running) return Fail(change, "pluto_gone: pluto does not run", view);
  for (const auto& children : view.children) {
    if (children.empty()) return Fail(change, "not_up: there is no SA to change from", view);
    for (const LiveChild& child : children) {
      change.old_children.push_back(child.serial);
      if (!Contains(change.old_ikes, child.ike_serial)) change.old_ikes.push_back(child.ike_serial);
    }
  }
  if (change.old_ikes.empty()) return Fail(change, "not_up: there is no SA to change from", view);
  const std::uint64_t target = *std::max_element(change.old_ikes.begin(), change.old_ikes.end());
  change.newest_old_ike = target;
  // Beside a newer one pluto takes the IKE SA to be reauthenticated for stale and deletes it, with all that it carries.
  if (std::vector<KeyChangeAction> left = UndoNew(change, view); !left.empty()) {
    return Fail(std::move(change), "leftover: an earlier change left an IKE SA, which goes first", view,
                std::move(left));
  }
  return Enter(std::move(change), KeyChangePhase::kReauthenticating, view,
               {{.kind = Kind::kReauthenticate, .serial = target}});
}

KeyChangeStep AdvanceKeyChange(const KeyChange& change, const KeyChangeView& view, const KeyChangeLimits& limits) {
  if (!IsRunning(change)) return {change, {}};
  if (!view.pluto_running) return Fail(change, StrCat("pluto_gone: in phase ", PhaseName(change.phase)), view);
  switch (change.phase) {
    case KeyChangePhase::kReauthenticating:
      return Reauthenticating(change, view, limits);
    case KeyChangePhase::kOpeningChild:
      return OpeningChild(change, view, limits);
    case KeyChangePhase::kDraining:
      return Draining(change, view, limits);
    case KeyChangePhase::kRetiring:
      return Retiring(change, view, limits);
    default:
      return {change, {}};
  }
}

KeyChangeStep FailKeyChange(const KeyChange& change, std::string_view why, const KeyChangeView& view) {
  switch (change.phase) {
    case KeyChangePhase::kReauthenticating:
    case KeyChangePhase::kOpeningChild:
      return Fail(change, std::string(why), view, UndoNew(change, view));
    default:
      return {change, {}};  // past the move there is no way back, only on
  }
}

bool IsRunning(const KeyChange& change) {
  return change.phase != KeyChangePhase::kIdle && change.phase != KeyChangePhase::kDone &&
         change.phase != KeyChangePhase::kFailed;
}

std::string_view PhaseName(KeyChangePhase phase) {
  static constexpr std::string_view kNames[] = {
      "idle", "reauthenticating", "opening_child", "draining", "retiring", "done", "failed"};
  return kNames[static_cast<std::size_t>(phase)];
}

}  // namespace henb::x2sec::core
