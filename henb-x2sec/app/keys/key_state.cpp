#include "henb-x2sec/app/keys/key_state.h"

#include <utility>

#include "common/strings.h"

namespace henb::x2sec::app {

core::KeyStanding KeyState::standing() const {
  if (installed || kept) return core::KeyStanding::kGood;
  return expired ? core::KeyStanding::kExpired : core::KeyStanding::kNone;
}

KeyState InstalledState(const KeyVersion& version) {
  KeyState state;
  state.installed = true;
  state.version = version;
  return state;
}

KeyState DeniedState(core::KeyDenial denial, std::string problem) {
  KeyState state;
  state.denial = denial;
  state.problem = std::move(problem);
  return state;
}

KeyState ExpiredState(const KeyVersion& version, std::string problem) {
  KeyState state;
  state.expired = true;
  state.version = version;
  state.problem = std::move(problem);
  return state;
}

KeyState LeftState(const KeyLedger::Entry* entry, bool in_file, absl::Duration now) {
  if (entry == nullptr) return ExpiredState({}, WhyExpired(std::nullopt));
  if (!in_file || now >= entry->expire_at) return ExpiredState(entry->version, WhyExpired(std::nullopt));
  KeyState state;
  state.kept = true;
  state.version = entry->version;
  state.problem = "the key service has not answered yet";
  return state;
}

bool Replaces(const KeyState& before, const KeyVersion& now) {
  return before.installed || before.expired || (before.kept && before.version != now);
}

std::string_view DenialText(core::KeyDenial denial) {
  return denial == core::KeyDenial::kSuspended ? "the key service says SUSPENDED" : "the key service says NOT_ALLOWED";
}

std::string WhyExpired(std::optional<absl::Time> away_since) {
  if (!away_since) return "the pair key has expired and the key service has given no other";
  return common::StrCat("the pair key has expired: key service away since ",
                        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *away_since, absl::UTCTimeZone()));
}

}  // namespace henb::x2sec::app
