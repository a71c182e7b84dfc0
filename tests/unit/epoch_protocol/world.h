// Steps of the world: key service, two HeNBs, the link between them, and what can go wrong.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/epoch_protocol/end_side.h"
#include "tests/unit/epoch_protocol/key_pool.h"
#include "tests/unit/epoch_protocol/link_side.h"
#include "tests/unit/epoch_protocol/mistake.h"
#include "tests/unit/epoch_protocol/server_side.h"
#include "tests/unit/epoch_protocol/state.h"

namespace henb::epoch_protocol {

/// How far a search goes.
struct Bound {
  int last_tick = 6;  ///< Time stands still then; in the middle of an epoch, when its predecessor's root is destroyed.
  int faults = 2;     ///< That happen on one path.
  bool proof_of_life = true;     ///< A link that is up changes its keys by itself from time to time (max_sa_age).
  bool answers_at_once = false;  ///< An answer that other steps overtake is a fault of its own.
  int max_sa_age = 0;            ///< In ticks, since the last authentication; 0: neither SAs nor keys are judged by it.
};

struct Step {
  enum class Kind : std::uint8_t {
    // The way back: these happen by themselves, or by the operator's wish to have the link.
    kTimePasses,
    kServerTicks,
    kAsk,
    kDeliver,
    kTurn,
    kInstall,
    kConnect,
    kChangeDue,
    kProofOfLife,
    kTooOld,
    kReauthenticate,
    kFinishChange,
    kEvent,
    kResume,
    kServerClockRight,
    // Costs no fault: an answer that was never asked for is the same.
    kLoseAnswer,
    // Faults and the operator's interventions.
    kAnswerHangs,
    kDeliverTwice,
    kLinkLost,
    kDaemonRestarts,
    kReboots,
    kServerRestarts,
    kServerClockBack,
    kDrift,
    kRotate,
    kSuspend,
  };
  Kind kind = Kind::kTimePasses;
  std::uint8_t end = 0;
};
inline constexpr int kStepKinds = static_cast<int>(Step::Kind::kSuspend) + 1;

class World {
 public:
  World(const Bound& bound, Mistake mistake)
      : bound_(bound), mistake_(mistake), server_(keys_, mistake), end_(keys_, mistake), link_(mistake) {}

  /// Before the first epoch; nobody knows anything.
  [[nodiscard]] static State Start() { return {}; }
  /// False when the step is not possible, or changes nothing. `violation` is set when the step does what must never be.
  [[nodiscard]] bool Apply(const Step& step, State* state, std::string* violation);
  /// Up, on the key that the service hands out now, and both ends hold it.
  [[nodiscard]] bool IsHome(const State& state) const;
  [[nodiscard]] static bool IsWayBack(Step::Kind kind) { return kind <= Step::Kind::kServerClockRight; }
  [[nodiscard]] static std::string Name(const Step& step);
  /// One line.
  [[nodiscard]] std::string Describe(const State& state) const;
  /// Every step there is.
  [[nodiscard]] static std::vector<Step> AllSteps();

 private:
  bool Do(const Step& step, State* state, std::string* violation);
  /// Something that takes seconds has not been done: that it is still so a tick later is a fault.
  [[nodiscard]] bool Hangs(const State& state) const;
  bool DoFault(const Step& step, State* state, std::string* violation);
  bool Ask(State* state, int end, std::string* violation);
  bool Deliver(State* state, int end, bool again);
  bool Install(State* state, int end, std::string* violation);
  bool StartChange(State* state, int end);
  bool Reauthenticate(State* state, std::string* violation);
  void FinishChange(State* state, std::string* violation);
  bool PassTime(State* state, std::string* violation);
  [[nodiscard]] bool IsTooOld(const Link& link) const;
  /// True time at which the epoch's keys have expired, if nothing has slipped.
  [[nodiscard]] int ExpiryOf(const State& state, std::uint8_t key) const;
  /// The key that both ends hold, 0: they do not.
  [[nodiscard]] std::uint8_t CommonKey(const State& state, std::string* violation) const;

  Bound bound_;
  Mistake mistake_;
  KeyPool keys_;
  ServerSide server_;
  EndSide end_;
  LinkSide link_;
};

}  // namespace henb::epoch_protocol
