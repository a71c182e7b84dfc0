#include "tests/unit/epoch_protocol/end_side.h"

#include <algorithm>
#include <optional>

#include "henb-x2sec/app/keys/key_state.h"
#include "henb-x2sec/app/keys/pair_key_ring.h"
#include "henb-x2sec/core/epoch_schedule.h"
#include "henb-x2sec/keydist_client/epoch_floor.h"

namespace henb::epoch_protocol {
namespace {

using x2sec::app::PairKeyRing;

const common::HenbId& Peer() {
  static const common::HenbId kPeer = common::HenbId::Parse("peer.example").value();
  return kPeer;
}

x2sec::app::KeyVersion VersionOf(const Version& version) {
  return {version.epoch, version.generation_local, version.generation_peer};
}
Version VersionOf(const x2sec::app::KeyVersion& version) {
  return {static_cast<std::uint8_t>(version.epoch), static_cast<std::uint8_t>(version.generation_local),
          static_cast<std::uint8_t>(version.generation_peer)};
}

/// Times of `held` count from `now`.
x2sec::core::PairKey KeyOf(const KeyPool& keys, const HeldKey& held, int now) {
  return {.epoch = held.version.epoch,
          .generation_local = held.version.generation_local,
          .generation_peer = held.version.generation_peer,
          .key = held.key == 0 ? common::SecretBytes(PairKeyRing::kKeySize) : keys.Octets(held.key),
          .activate_in = absl::Hours(held.activate_at - now),
          .expire_in = absl::Hours(held.expire_at - now)};
}

x2sec::core::PairKeys KeysOf(const KeyPool& keys, const HeldKey& current, const HeldKey& next, int now) {
  x2sec::core::PairKeys both{.current = KeyOf(keys, current, now), .next = std::nullopt, .peer_facts = std::nullopt};
  if (next.key != 0) both.next = KeyOf(keys, next, now);
  return both;
}

PairKeyRing RingOf(const KeyPool& keys, const End& end, int now) {
  PairKeyRing ring;
  if (end.newest.epoch == 0) return ring;
  const bool gone = end.current.version.epoch == 0;
  if (!gone && end.current.key == 0) {
    ring.Recall(VersionOf(end.current.version), absl::Hours(end.current.expire_at));
    return ring;
  }
  const HeldKey over{.version = end.newest, .key = 0, .activate_at = 0, .expire_at = static_cast<std::int8_t>(now)};
  static_cast<void>(ring.Take(KeysOf(keys, gone ? over : end.current, end.next, now), absl::Hours(now)));
  if (gone) static_cast<void>(ring.Expire(absl::Hours(now)));
  return ring;
}

HeldKey Read(const KeyPool& keys, const std::optional<PairKeyRing::Held>& held, bool is_next) {
  if (!held) return {};
  const auto tick = [](absl::Duration time) { return static_cast<std::int8_t>(absl::ToInt64Hours(time)); };
  return {.version = VersionOf(held->version),
          .key = held->key.empty() ? std::uint8_t{0} : keys.NumberOf(held->key),
          .activate_at = is_next ? tick(held->activate_at) : std::int8_t{0},
          .expire_at = tick(held->expire_at)};
}

void ReadBack(const KeyPool& keys, const PairKeyRing& ring, End* end) {
  end->current = Read(keys, ring.current(), false);
  end->next = Read(keys, ring.next(), true);
  if (end->current.version.epoch != 0) end->newest = end->current.version;
}

bool FloorAccepts(const KeyPool& keys, const Answer& answer, End* self) {
  x2sec::keydist_client::EpochFloor floor;
  if (self->floor.epoch != 0) {
    const HeldKey before{.version = self->floor, .key = 0, .activate_at = 0, .expire_at = 0};
    if (!floor.Accept(Peer(), KeysOf(keys, before, {}, 0)).ok()) return false;
  }
  if (!floor.Accept(Peer(), KeysOf(keys, answer.current, answer.next, 0)).ok()) return false;
  self->floor = answer.current.version;
  return true;
}

x2sec::app::KeyState StateOf(const End& end, const Version& version) {
  x2sec::app::KeyState state;
  state.installed = end.holding == Holding::kInstalled;
  state.kept = end.holding == Holding::kKept;
  state.expired = end.holding == Holding::kExpired;
  state.version = VersionOf(version);
  return state;
}

}  // namespace

std::uint8_t EndSide::Wants(const End& self) const {
  return mistake_ == Mistake::kFresherKeyIsLeft && self.holding == Holding::kInstalled ? 0 : 1;
}

void EndSide::Take(End* self, int end, int now) const {
  const Answer answer = self->in_flight;
  self->heard = std::max(self->heard, answer.destroyed);
  if (answer.kind == AnswerKind::kDenied) return Deny(self);
  const bool forgetful = mistake_ == Mistake::kClientTakesOlderEpoch;
  if (!forgetful && !FloorAccepts(keys_, answer, self)) return;
  const int own = now + self->drift;
  HeldKey current = answer.current;
  HeldKey next = answer.next;
  for (HeldKey* key : {&current, &next}) {
    key->activate_at = static_cast<std::int8_t>(key->activate_at + own);
    key->expire_at = static_cast<std::int8_t>(key->expire_at + own);
  }
  if (mistake_ == Mistake::kActivatesByOwnCalendar && end == 0)
    next.activate_at = static_cast<std::int8_t>(next.activate_at - 3);
  if (mistake_ == Mistake::kNextUsedAtOnce && end == 0) next.activate_at = static_cast<std::int8_t>(own);
  PairKeyRing ring = RingOf(keys_, *self, own);
  if (forgetful && self->current.version.epoch > answer.current.version.epoch) ring = PairKeyRing();
  const auto verdict = ring.Take(KeysOf(keys_, current, next, own), absl::Hours(own));
  ReadBack(keys_, ring, self);
  if (verdict == PairKeyRing::Verdict::kFresh) {
    self->installing = Wants(*self);
    if (self->holding == Holding::kDenied) self->holding = Holding::kNothing;
  } else if (verdict == PairKeyRing::Verdict::kSame && Standing(*self) == x2sec::core::KeyStanding::kGood &&
             self->installing == 0) {
    self->file_expires = self->current.expire_at;
  }
}

bool EndSide::Turn(End* self, int now) const {
  if (self->current.version.epoch == 0 && self->next.key == 0) return false;
  const absl::Duration own = absl::Hours(now + self->drift);
  PairKeyRing ring = RingOf(keys_, *self, now + self->drift);
  if (ring.TurnsAt() > own) return false;
  const bool advanced = ring.Advance(own);
  if (mistake_ != Mistake::kExpiredKeyStays && ring.Expire(own)) {
    self->holding = Holding::kExpired;
    self->file_key = self->installing = 0;
    self->file_expires = 0;
  } else if (advanced) {
    self->installing = Wants(*self);
  } else {
    return false;
  }
  ReadBack(keys_, ring, self);
  return true;
}

x2sec::core::KeyStanding EndSide::Standing(const End& self) { return StateOf(self, {}).standing(); }

Version EndSide::InFile(const End& self, int end) const {
  const KeyPool::Meaning& meaning = keys_.MeaningOf(self.file_key);
  return {meaning.epoch, end == 0 ? meaning.lower : meaning.higher, end == 0 ? meaning.higher : meaning.lower};
}

void EndSide::Install(End* self, int end, bool link_is_up) const {
  const Version before = self->file_key == 0 ? Version{} : InFile(*self, end);
  const bool replaced = x2sec::app::Replaces(StateOf(*self, before), VersionOf(self->current.version));
  self->file_key = self->current.key;
  self->file_expires = self->current.expire_at;
  self->installing = 0;
  self->holding = Holding::kInstalled;
  if (x2sec::core::KeyChangeStartsIn(link_is_up, replaced, end == 0)) self->change_due = 1;
}

void EndSide::Deny(End* self) const {
  self->current = {};
  self->next = {};
  if (mistake_ != Mistake::kSuspensionLeavesKey) self->file_key = 0;
  self->installing = self->change_due = 0;
  self->file_expires = 0;
  self->holding = Holding::kDenied;
}

void EndSide::Restart(End* self, int end, int now, bool reboot) const {
  const End before = *self;
  End fresh;
  fresh.drift = before.drift;
  *self = fresh;
  if (reboot) return;
  if (before.holding == Holding::kExpired) {
    self->holding = Holding::kExpired;
    self->newest = before.newest;
  }
  if (before.file_key == 0) return;
  if (mistake_ == Mistake::kRestartForgetsTheEnd) {
    self->file_key = before.file_key;
    self->holding = Holding::kKept;
    return;
  }
  const Version version = InFile(before, end);
  const int own = now + before.drift;
  const x2sec::app::KeyLedger::Entry entry{VersionOf(version), absl::Hours(before.file_expires)};
  const bool kept = x2sec::app::LeftState(&entry, true, absl::Hours(own)).kept;
  PairKeyRing ring;
  ring.Recall(entry.version, entry.expire_at);
  if (!kept) static_cast<void>(ring.Expire(absl::Hours(own)));
  ReadBack(keys_, ring, self);
  self->newest = version;
  self->holding = kept ? Holding::kKept : Holding::kExpired;
  if (!kept) return;
  self->file_key = before.file_key;
  self->file_expires = before.file_expires;
}

}  // namespace henb::epoch_protocol
