#include "tests/unit/epoch_protocol/end_side.h"

#include <algorithm>
#include <optional>

#include "henb-x2sec/app/pair_key_ring.h"
#include "henb-x2sec/core/epoch_schedule.h"
#include "henb-x2sec/keydist_client/epoch_floor.h"

namespace henb::epoch_protocol {
namespace {

using x2sec::app::PairKeyRing;

const common::HenbId& Peer() {
  static const common::HenbId kPeer = common::HenbId::Parse("peer.example").value();
  return kPeer;
}

x2sec::core::PairKey KeyOf(const KeyPool& keys, const HeldKey& held, int activate_in) {
  return {.epoch = held.version.epoch,
          .generation_local = held.version.generation_local,
          .generation_peer = held.version.generation_peer,
          .key = held.key == 0 ? common::SecretBytes(PairKeyRing::kKeySize) : keys.Octets(held.key),
          .activate_in = absl::Hours(activate_in),
          .expire_in = absl::Hours(24)};
}

/// Activation times count from `now`.
x2sec::core::PairKeys KeysOf(const KeyPool& keys, const HeldKey& current, const HeldKey& next, int now) {
  x2sec::core::PairKeys both{.current = KeyOf(keys, current, 0), .next = std::nullopt, .peer_facts = std::nullopt};
  if (next.key != 0) both.next = KeyOf(keys, next, next.activate_at - now);
  return both;
}

PairKeyRing RingOf(const KeyPool& keys, const End& end, int now) {
  PairKeyRing ring;
  if (end.newest.epoch == 0) return ring;
  const bool forgotten = end.current.key == 0;
  const HeldKey current = forgotten ? HeldKey{.version = end.newest, .key = 0, .activate_at = 0} : end.current;
  static_cast<void>(ring.Take(KeysOf(keys, current, end.next, now), absl::Hours(now)));
  if (forgotten) ring.Forget();
  return ring;
}

HeldKey Read(const KeyPool& keys, const std::optional<PairKeyRing::Held>& held, bool with_time) {
  if (!held) return {};
  return {.version = {static_cast<std::uint8_t>(held->version.epoch),
                      static_cast<std::uint8_t>(held->version.generation_local),
                      static_cast<std::uint8_t>(held->version.generation_peer)},
          .key = keys.NumberOf(held->key),
          .activate_at = with_time ? static_cast<std::int8_t>(absl::ToInt64Hours(held->activate_at)) : std::int8_t{0}};
}

void ReadBack(const KeyPool& keys, const PairKeyRing& ring, End* end) {
  end->current = Read(keys, ring.current(), false);
  end->next = Read(keys, ring.next(), true);
  if (end->current.key != 0) end->newest = end->current.version;
}

bool FloorAccepts(const KeyPool& keys, const Answer& answer, End* self) {
  x2sec::keydist_client::EpochFloor floor;
  if (self->floor.epoch != 0) {
    const HeldKey before{.version = self->floor, .key = 0, .activate_at = 0};
    if (!floor.Accept(Peer(), KeysOf(keys, before, {}, 0)).ok()) return false;
  }
  if (!floor.Accept(Peer(), KeysOf(keys, answer.current, answer.next, 0)).ok()) return false;
  self->floor = answer.current.version;
  return true;
}

}  // namespace

std::uint8_t EndSide::Wants(const End& self) const {
  return mistake_ == Mistake::kFresherKeyIsLeft && self.installed != 0 ? 0 : 1;
}

void EndSide::Take(End* self, int end, int now) const {
  const Answer answer = self->in_flight;
  self->heard = std::max(self->heard, answer.destroyed);
  if (answer.kind == AnswerKind::kDenied) return Deny(self);
  const bool forgetful = mistake_ == Mistake::kClientTakesOlderEpoch;
  if (!forgetful && !FloorAccepts(keys_, answer, self)) return;
  const int own = now + self->drift;
  HeldKey next = answer.next;
  next.activate_at = static_cast<std::int8_t>(next.activate_at + own);
  if (mistake_ == Mistake::kActivatesByOwnCalendar && end == 0)
    next.activate_at = static_cast<std::int8_t>(next.activate_at - 3);
  if (mistake_ == Mistake::kNextUsedAtOnce && end == 0) next.activate_at = static_cast<std::int8_t>(own);
  PairKeyRing ring = RingOf(keys_, *self, own);
  if (forgetful && self->current.version.epoch > answer.current.version.epoch) ring = PairKeyRing();
  const auto verdict = ring.Take(KeysOf(keys_, answer.current, next, own), absl::Hours(own));
  if (verdict == PairKeyRing::Verdict::kFresh) self->installing = Wants(*self);
  ReadBack(keys_, ring, self);
}

bool EndSide::Activate(End* self, int now) const {
  if (self->next.key == 0) return false;
  PairKeyRing ring = RingOf(keys_, *self, now + self->drift);
  if (!ring.Advance(absl::Hours(now + self->drift))) return false;
  self->installing = Wants(*self);
  ReadBack(keys_, ring, self);
  return true;
}

void EndSide::Install(End* self, int end, bool link_is_up) const {
  self->file_key = self->current.key;
  self->installing = 0;
  const bool replaced = self->installed != 0;
  self->installed = 1;
  if (x2sec::core::KeyChangeStartsIn(link_is_up, replaced, end == 0)) self->change_due = 1;
}

void EndSide::Deny(End* self) const {
  self->current = {};
  self->next = {};
  if (mistake_ != Mistake::kSuspensionLeavesKey) self->file_key = 0;
  self->installed = self->installing = self->change_due = 0;
}

void EndSide::Restart(End* self, bool reboot) const {
  End fresh;
  fresh.drift = self->drift;
  if (!reboot) fresh.file_key = self->file_key;
  *self = fresh;
}

}  // namespace henb::epoch_protocol
