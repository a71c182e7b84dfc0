// Which of the backhaul's two connections carries: the old one, by the vendor certificate, or the new one, by the
// operator's (R65).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace henb::x2sec::core {

enum class BackhaulPhase : std::uint8_t {
  kOld,      ///< The old one carries; the new one is tried when its time has come.
  kProving,  ///< Traffic is on the new one, and nothing has come in on it yet. The old one is kept.
  kMoved,    ///< The new one carries; the old one goes.
};

/// What is seen at one instant.
struct BackhaulView {
  absl::Duration now;           ///< Steady clock.
  bool wanted = false;          ///< There is an operator certificate, and a way to the gateway.
  bool ready = false;           ///< The new connection is in pluto as wanted, and pluto runs.
  bool old_up = false;          ///< The kernel holds SAs of the old one both ways.
  bool new_up = false;          ///< pluto and the kernel hold a child SA of the new one, on an IKE SA of its own.
  bool on_foreign_ike = false;  ///< They hold one on an IKE SA of another connection: proved by another certificate.
  bool new_held = false;        ///< The kernel holds SAs of the new one both ways; it may be a dead pluto's.
  std::uint64_t bytes_in = 0;   ///< Of the newest child of the new one.
  absl::Duration age{};         ///< Of its authentication, where new_up.
  bool changing_key = false;
};

enum class BackhaulAction : std::uint8_t {
  kInitiate,
  kProbe,        ///< A packet that the other side answers.
  kSwitchToNew,  ///< Outbound traffic goes on the new one from now on.
  kSwitchToOld,
  kDropNew,  ///< The new connection is given to pluto anew; its SAs end.
  kTakeOldDown,
  kBringOldUp,
  kChangeKey,  ///< Of the new one, in its place.
  kReportMoved,
  kReportFailed,  ///< `why`; the new one is tried again at `next_try`.
  kReportLost,    ///< The new one carried and does no more.
};

struct BackhaulMove {
  BackhaulPhase phase = BackhaulPhase::kOld;
  bool attempting = false;
  bool dropping = false;  ///< What is left of the new one is on its way out.
  int failures = 0;       ///< Since the new one last carried.
  std::string why;        ///< Of the last one; empty while the new one carries.
  absl::Duration since;
  absl::Duration next_try;
  absl::Duration neither_since = absl::InfiniteDuration();  ///< None of the two is up.
  absl::Duration next_bring_up;
  absl::Duration next_take_down;
  absl::Duration next_key_change;
};

struct BackhaulStep {
  BackhaulMove move;
  std::vector<BackhaulAction> actions;
};

/// Looks again. Defined for every state and view. The old one is taken down only once something has come in on the new
/// one. Without a new one that carries, the old one is brought up again.
[[nodiscard]] BackhaulStep LookAtBackhaul(BackhaulMove move, const BackhaulView& view);
/// What kInitiate came to; `why` is empty when pluto says that it is established.
[[nodiscard]] BackhaulStep BackhaulAttemptEnded(BackhaulMove move, std::string why, absl::Duration now);

/// How long after a failure the new one is tried again, before jitter.
[[nodiscard]] absl::Duration BackhaulAgainIn(int failures);
[[nodiscard]] std::string_view PhaseName(BackhaulPhase phase);

}  // namespace henb::x2sec::core
