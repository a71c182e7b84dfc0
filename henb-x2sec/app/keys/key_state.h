// What a link knows of its pair's key, and how that changes. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "henb-x2sec/app/keys/key_ledger.h"
#include "henb-x2sec/app/keys/pair_key_ring.h"
#include "henb-x2sec/core/epoch_schedule.h"
#include "henb-x2sec/core/ports/key_service.h"

namespace henb::x2sec::app {

struct KeyState {
  bool installed = false;  ///< In the secrets file, and pluto has reread it.
  bool kept = false;       ///< Not installed in this run, but in the secrets file since before our restart.
  bool expired = false;    ///< Was one of the two, and its time is over: withdrawn from pluto, wiped here.
  KeyVersion version;      ///< Of the last key that was one of the three; epoch 0: unknown.
  std::optional<core::KeyDenial> denial;
  std::string problem;  ///< Why there is no key; empty when there is.

  [[nodiscard]] core::KeyStanding standing() const;
};

/// After `version` was given to pluto.
[[nodiscard]] KeyState InstalledState(const KeyVersion& version);
[[nodiscard]] KeyState DeniedState(core::KeyDenial denial, std::string problem);
/// After its time was over. The version stays, to be shown.
[[nodiscard]] KeyState ExpiredState(const KeyVersion& version, std::string problem);
/// Of a key that an earlier run had given to pluto. `entry`: what the ledger says of it, null: nothing. One whose end
/// nobody knows may be over now, and one that is not in the secrets file any more was over then: they count as expired.
[[nodiscard]] KeyState LeftState(const KeyLedger::Entry* entry, bool in_file, absl::Duration now);

/// Whether SAs that are up may run on another key than `now`: a key change is due.
[[nodiscard]] bool Replaces(const KeyState& before, const KeyVersion& now);

[[nodiscard]] std::string_view DenialText(core::KeyDenial denial);
/// `away_since`: of the key service; none: it answers.
[[nodiscard]] std::string WhyExpired(std::optional<absl::Time> away_since);

}  // namespace henb::x2sec::app
