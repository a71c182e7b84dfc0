#include "henb-x2sec/core/backhaul_move.h"

#include <algorithm>
#include <utility>

#include "common/backoff.h"

namespace henb::x2sec::core {
namespace {

using Action = BackhaulAction;
using Phase = BackhaulPhase;

constexpr absl::Duration kFirstRetry = absl::Seconds(5);
constexpr absl::Duration kLongestRetry = absl::Minutes(10);
constexpr absl::Duration kKernelFollows = absl::Seconds(5);  // pluto's word, then the kernel's
constexpr absl::Duration kProof = absl::Seconds(8);
constexpr absl::Duration kPatience = absl::Seconds(5);  // the new one, or whoever starts the old one, comes first
constexpr absl::Duration kOldAgain = absl::Seconds(30);
constexpr absl::Duration kKeyAge = absl::Hours(12);  // of the 24 hours that SAs live
constexpr absl::Duration kKeyAgain = absl::Minutes(10);
constexpr absl::Duration kLastKeyAge = absl::Hours(20);
constexpr int kOrphanAttempts = 2;

struct Work {
  BackhaulMove move;
  std::vector<Action> actions;

  void Do(Action action) { actions.push_back(action); }
  void Enter(Phase phase, absl::Duration now) {
    move.phase = phase;
    move.since = now;
  }
  void Fail(std::string why, absl::Duration now) {
    move.why = std::move(why);
    move.next_try = now + BackhaulAgainIn(move.failures++);
    Do(Action::kReportFailed);
  }
  void BringOldUp(absl::Duration now) {
    if (now < move.next_bring_up) return;
    move.next_bring_up = now + kOldAgain;
    Do(Action::kBringOldUp);
  }
  void DropNew() {
    move.dropping = true;
    Do(Action::kDropNew);
  }
  void Try(const BackhaulView& view) {
    if (move.attempting || !view.ready || view.now < move.next_try) return;
    move.attempting = true;
    Do(Action::kInitiate);
  }
  void BackToOld(absl::Duration now) {
    Do(Action::kSwitchToOld);
    Enter(Phase::kOld, now);
  }
};

constexpr char kShared[] =
    "pluto has put it on the IKE SA of another connection, which the operator certificate did not prove: the gateway "
    "needs another address, or backhaul.operator.identity = \"subject\"";

void OnOld(Work& work, const BackhaulView& view) {
  const bool neither = !view.old_up && !view.new_up;
  if (!neither) work.move.neither_since = absl::InfiniteDuration();
  if (neither) work.move.neither_since = std::min(work.move.neither_since, view.now);
  if (view.now - work.move.neither_since >= kPatience) work.BringOldUp(view.now);
  work.move.dropping = work.move.dropping && (view.new_up || view.on_foreign_ike);
  if (!view.wanted || work.move.dropping) return;
  if (view.new_up) {
    work.Enter(Phase::kProving, view.now);
    work.Do(Action::kSwitchToNew);
    return work.Do(Action::kProbe);
  }
  if (view.on_foreign_ike) {
    work.Fail(kShared, view.now);
    return work.DropNew();
  }
  work.Try(view);
}

void Proving(Work& work, const BackhaulView& view) {
  if (!view.new_up) {
    work.Fail("it went away again", view.now);
    return work.BackToOld(view.now);
  }
  if (view.bytes_in > 0) {
    work.Enter(Phase::kMoved, view.now);
    work.move.failures = 0;
    work.move.why.clear();
    work.move.next_key_change = view.now;
    work.move.next_take_down = view.now;
    return work.Do(Action::kReportMoved);
  }
  if (view.now - work.move.since < kProof) return work.Do(Action::kProbe);
  work.Fail("nothing came in on it: the gateway does not send there, or nobody answers the probe", view.now);
  work.BackToOld(view.now);
  work.DropNew();
}

void Lost(Work& work, std::string why, absl::Duration now) {
  work.move.why = std::move(why);
  work.move.next_try = now;
  work.move.neither_since = absl::InfiniteDuration();
  work.Do(Action::kReportLost);
  work.BackToOld(now);
}

void Moved(Work& work, const BackhaulView& view) {
  if (!view.new_up && view.on_foreign_ike) {
    Lost(work, kShared, view.now);
    return work.DropNew();
  }
  if (!view.new_up && !view.new_held) return Lost(work, "its SAs are gone", view.now);
  if (!view.new_up) {  // a dead pluto's carry, as long as the gateway does not give them up
    if (work.move.failures >= kOrphanAttempts) {
      if (view.old_up) return Lost(work, "pluto was started anew, and it does not come up", view.now);
      work.BringOldUp(view.now);
    }
    return work.Try(view);
  }
  work.move.failures = 0;
  if (view.changing_key) return;
  if (view.age >= kLastKeyAge) {  // by way of the old one, before the SAs end by themselves
    if (!view.old_up) return work.BringOldUp(view.now);
    Lost(work, "its key could not be changed in time", view.now);
    return work.DropNew();
  }
  if (view.age >= kKeyAge && view.now >= work.move.next_key_change) {
    work.move.next_key_change = view.now + kKeyAgain;
    work.Do(Action::kChangeKey);
  }
  if (view.old_up && view.now >= work.move.next_take_down) {
    work.move.next_take_down = view.now + kOldAgain;
    work.Do(Action::kTakeOldDown);
  }
}

}  // namespace

absl::Duration BackhaulAgainIn(int failures) { return common::DoubledDelay(kFirstRetry, failures, kLongestRetry); }

BackhaulStep LookAtBackhaul(BackhaulMove move, const BackhaulView& view) {
  Work work{std::move(move), {}};
  if (!view.wanted && work.move.phase != Phase::kOld) {
    Lost(work, "there is no operator certificate any more", view.now);
  } else if (work.move.phase == Phase::kOld) {
    OnOld(work, view);
  } else if (work.move.phase == Phase::kProving) {
    Proving(work, view);
  } else {
    Moved(work, view);
  }
  return {std::move(work.move), std::move(work.actions)};
}

BackhaulStep BackhaulAttemptEnded(BackhaulMove move, std::string why, absl::Duration now) {
  Work work{std::move(move), {}};
  work.move.attempting = false;
  if (why.empty()) {
    work.move.next_try = now + kKernelFollows;
  } else {
    work.Fail(std::move(why), now);
  }
  return {std::move(work.move), std::move(work.actions)};
}

std::string_view PhaseName(BackhaulPhase phase) {
  switch (phase) {
    case Phase::kProving:
      return "PROVING";
    case Phase::kMoved:
      return "MOVED";
    case Phase::kOld:
      break;
  }
  return "OLD";
}

}  // namespace henb::x2sec::core
