// Key change without a lost packet: the five steps as one pure state machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "henb-x2sec/core/sa_view.h"

namespace henb::x2sec::core {

/// One mechanism for PSK epochs, certificate renewal and proof of life: new credential in; reauthenticate beside the
/// old IKE SA (RFC 7296 §2.8.3); a child on the new one; move the pins; delete the old. Until the pins move nothing
/// that carries traffic is touched, so every failure before that leaves the link as it was.
enum class KeyChangePhase {
  kIdle,
  kReauthenticating,  ///< Waiting for a second IKE SA, which proves the new credential.
  kOpeningChild,      ///< Waiting for a child of every connection on it.
  kDraining,          ///< Pins are on the new children; waiting until the peer sends on them too.
  kRetiring,          ///< The old IKE SA is being deleted.
  kDone,
  kFailed,
};
inline constexpr KeyChangePhase kKeyChangePhases[] = {KeyChangePhase::kIdle,         KeyChangePhase::kReauthenticating,
                                                      KeyChangePhase::kOpeningChild, KeyChangePhase::kDraining,
                                                      KeyChangePhase::kRetiring,     KeyChangePhase::kDone,
                                                      KeyChangePhase::kFailed};

struct KeyChangeLimits {
  /// Longer than pluto itself tries (10 s for each of two exchanges, the spec's retransmit time-out): nothing that
  /// would still succeed is cut short, and nothing is touched meanwhile. An attempt that is refused ends at once.
  absl::Duration reauthenticate = absl::Seconds(25);
  absl::Duration open_child = absl::Seconds(15);  ///< One exchange.
  absl::Duration calm = absl::Milliseconds(600);  ///< Nothing came in on the old SAs for so long: the peer has moved.
  absl::Duration drain = absl::Seconds(15);       ///< At the most.
  absl::Duration retire = absl::Seconds(10);
};

/// What is seen at one instant. Indices follow the link's connections.
struct KeyChangeView {
  absl::Duration now;  ///< Steady clock.
  bool pluto_running = true;
  std::vector<IkeSa> ike_sas;                    ///< Of the link's connections, any state.
  std::vector<std::vector<LiveChild>> children;  ///< One list a connection, oldest first.
};

struct KeyChange {
  KeyChangePhase phase = KeyChangePhase::kIdle;
  absl::Duration phase_since;
  std::uint64_t newest_old_ike = 0;         ///< IKE SAs above this serial are new.
  std::vector<std::uint64_t> old_ikes;      ///< Those that carried the children at the start.
  std::vector<std::uint64_t> old_children;  ///< Serials of the children at the start.
  std::uint64_t new_ike = 0;
  bool attempt_seen = false;                ///< The new IKE SA was under way.
  std::vector<std::uint64_t> old_bytes_in;  ///< Sum over the old children of each connection, when last seen to grow.
  absl::Duration grew_at;
  std::string why_failed;  ///< One word of kKeyChangeFailures and a sentence.
};

struct KeyChangeAction {
  enum class Kind {
    kReauthenticate,  ///< `serial`: the IKE SA to reauthenticate.
    kOpenChild,       ///< `connection`: index; a child on the new IKE SA.
    kMovePin,         ///< `connection`, `spi`: the new outbound SA.
    kProbe,  ///< `connection`: a packet through the newest child, so that the peer sees bytes though nobody talks.
    kDeleteState,  ///< `serial`.
  };
  Kind kind = Kind::kProbe;
  std::uint64_t serial = 0;
  std::size_t connection = 0;
  std::uint32_t spi = 0;
  friend bool operator==(const KeyChangeAction&, const KeyChangeAction&) = default;
};

struct KeyChangeStep {
  KeyChange change;
  std::vector<KeyChangeAction> actions;
};

/// Begins a change; the new credential is in already. kFailed("not_up") when some connection has no child to change
/// from; kFailed("leftover") when there is an IKE SA beside that carries nothing: it is deleted, and the next change
/// can begin.
[[nodiscard]] KeyChangeStep BeginKeyChange(const KeyChangeView& view);
/// Looks again. Called a few times a second while IsRunning. Defined for every phase and view.
[[nodiscard]] KeyChangeStep AdvanceKeyChange(const KeyChange& change, const KeyChangeView& view,
                                             const KeyChangeLimits& limits);
/// The attempt that kReauthenticate or kOpenChild started came back with an error.
[[nodiscard]] KeyChangeStep FailKeyChange(const KeyChange& change, std::string_view why, const KeyChangeView& view);

[[nodiscard]] bool IsRunning(const KeyChange& change);
[[nodiscard]] std::string_view PhaseName(KeyChangePhase phase);

}  // namespace henb::x2sec::core
