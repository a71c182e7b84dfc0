// When a link moves to a new pair key (DESIGN: an epoch's change is made before the old key is left). Pure.
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace henb::x2sec::core {

/// A pair's key is with pluto. `replaced`: another one was there, installed by this run. The time until this end starts
/// the key change; none when there is nothing to change from, and the link is evaluated anew. The lower identity
/// (`initiator`) starts when the other end has had time to install its key, the higher one when the lower has not.
[[nodiscard]] std::optional<absl::Duration> KeyChangeStartsIn(bool link_is_up, bool replaced, bool initiator);

/// After a change that failed on a link that is still up: the time until the next attempt; never none, since the old SA
/// may not stay for good. `attempts` failed before this one.
[[nodiscard]] absl::Duration KeyChangeAgainIn(int attempts);

}  // namespace henb::x2sec::core
