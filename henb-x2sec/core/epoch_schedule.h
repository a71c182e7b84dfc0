// When a link moves to a new pair key, and what it may do with one that has expired (DESIGN 5). Pure.
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace henb::x2sec::core {

/// What there is of a pair's key at this end.
enum class KeyStanding {
  kNone,     ///< No key: never got, or denied. Nothing may run on it.
  kGood,     ///< With pluto, its epoch and the grace after it not over.
  kExpired,  ///< Withdrawn from pluto: the service was away when it ended (R49).
};

/// Whether the link's connections are pluto's to have. On an expired key they stay only as long as SAs that
/// authenticated before it expired carry the link; the rule's max_sa_age ends those.
[[nodiscard]] bool ConnectionsStay(KeyStanding standing, bool carries);

/// Whether an authentication that is seen now counts as proof of life: max_sa_age begins anew. Not on a key that has
/// expired meanwhile, should pluto not have forgotten it yet.
[[nodiscard]] bool AuthenticationCounts(KeyStanding standing);

/// A pair's key is with pluto. `replaced`: another one was there, or the same pair's that has expired. The time until
/// this end starts the key change; none when there is nothing to change from, and the link is evaluated anew. The lower
/// identity
/// (`initiator`) starts when the other end has had time to install its key, the higher one when the lower has not.
[[nodiscard]] std::optional<absl::Duration> KeyChangeStartsIn(bool link_is_up, bool replaced, bool initiator);

/// After a change that failed on a link that is still up: the time until the next attempt; never none, since the old SA
/// may not stay for good. `attempts` failed before this one.
[[nodiscard]] absl::Duration KeyChangeAgainIn(int attempts);

}  // namespace henb::x2sec::core
