#include "henb-x2sec/app/keys/pair_key_ring.h"

#include <algorithm>
#include <utility>

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kAskAtLeastEvery = absl::Hours(6);
constexpr absl::Duration kAskAtMostEvery = absl::Seconds(5);
constexpr absl::Duration kAskWhenExpired = absl::Seconds(30);

KeyVersion VersionOf(const core::PairKey& key) { return {key.epoch, key.generation_local, key.generation_peer}; }

PairKeyRing::Held Hold(core::PairKey key, absl::Duration now) {
  return {.version = VersionOf(key),
          .key = std::move(key.key),
          .activate_at = now + key.activate_in,
          .expire_at = now + key.expire_in};
}

}  // namespace

bool PairKeyRing::IsStale(const KeyVersion& version) const {
  if (!newest_) return false;
  if (version.generation_local < newest_->generation_local || version.generation_peer < newest_->generation_peer)
    return true;
  // A rotation in the last moments of an epoch whose successor is here already raises a generation of the older epoch.
  const bool same_generations =
      version.generation_local == newest_->generation_local && version.generation_peer == newest_->generation_peer;
  return same_generations && version.epoch < newest_->epoch;
}

PairKeyRing::Verdict PairKeyRing::Take(core::PairKeys answer, absl::Duration now) {
  if (answer.current.key.size() != kKeySize) return Verdict::kMalformed;
  const KeyVersion version = VersionOf(answer.current);
  if (IsStale(version)) {
    // The server's clock and ours change the epoch at slightly different times.
    const bool we_are_ahead = current_ && answer.next && VersionOf(*answer.next) == current_->version;
    return we_are_ahead ? Verdict::kSame : Verdict::kStale;
  }
  const bool is_held = current_ && current_->version == version && !current_->key.empty();
  if (is_held && !common::ConstantTimeEquals(current_->key, answer.current.key)) return Verdict::kConflict;
  current_ = Hold(std::move(answer.current), now);
  newest_ = version;
  next_.reset();
  if (answer.next && answer.next->key.size() == kKeySize && VersionOf(*answer.next) != version &&
      !IsStale(VersionOf(*answer.next))) {
    next_ = Hold(*std::move(answer.next), now);
  }
  return is_held ? Verdict::kSame : Verdict::kFresh;
}

void PairKeyRing::Recall(const KeyVersion& version, absl::Duration expire_at) {
  current_ = Held{.version = version, .key = {}, .activate_at = {}, .expire_at = expire_at};
  newest_ = version;
}

bool PairKeyRing::Advance(absl::Duration now) {
  if (!next_ || now < next_->activate_at) return false;
  current_ = std::exchange(next_, std::nullopt);
  newest_ = current_->version;
  return true;
}

bool PairKeyRing::Expire(absl::Duration now) {
  if (!current_ || now < current_->expire_at) return false;
  current_.reset();
  return true;
}

absl::Duration PairKeyRing::TurnsAt() const {
  return std::min(next_ ? next_->activate_at : absl::InfiniteDuration(),
                  current_ ? current_->expire_at : absl::InfiniteDuration());
}

void PairKeyRing::Forget() {
  current_.reset();
  next_.reset();
}

absl::Duration PairKeyRing::AskAgainIn(absl::Duration now) const {
  if (!current_ || now >= current_->expire_at) return kAskWhenExpired;
  const absl::Duration left = current_->expire_at - now;
  return std::clamp(left - left / 8, kAskAtMostEvery, kAskAtLeastEvery);
}

std::string_view VerdictName(PairKeyRing::Verdict verdict) {
  switch (verdict) {
    case PairKeyRing::Verdict::kSame:
      return "same";
    case PairKeyRing::Verdict::kFresh:
      return "fresh";
    case PairKeyRing::Verdict::kStale:
      return "stale";
    case PairKeyRing::Verdict::kConflict:
      return "conflict";
    case PairKeyRing::Verdict::kMalformed:
      return "malformed";
  }
  return "unknown";
}

}  // namespace henb::x2sec::app
