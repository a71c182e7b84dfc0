#include "tests/unit/epoch_protocol/world.h"

#include <algorithm>
#include <utility>

#include "common/strings.h"
#include "henb-x2sec/core/epoch_schedule.h"

namespace henb::epoch_protocol {
namespace {

using Kind = Step::Kind;

/// The lower identity's steady clock may gain so much, the higher's lose it; the server's calendar may fall back by it.
constexpr int kClockBound = 1;

/// SAs are gone at both ends; a change that ran is abandoned, what was due is decided anew when the link is up.
void DropLink(State* state) {
  state->link = {};
  for (End& end : state->ends) end.change_due = 0;
}

/// A daemon that runs on finds the SAs that pluto holds, the newer one stays.
void Adopt(Link* link) {
  if (link->new_sa != 0) link->sa = link->new_sa;
  link->new_sa = 0;
  link->phase = ChangePhase::kNone;
  link->changer = 0;
}

bool IsFault(Kind kind) { return kind > Kind::kLoseAnswer; }

/// Each of these, and time that passes while something hangs, may let a key live a tick longer.
bool IsSlip(Kind kind) {
  return kind == Kind::kAnswerHangs || kind == Kind::kDeliverTwice || kind == Kind::kServerClockBack ||
         kind == Kind::kDrift;
}

}  // namespace

bool World::Apply(const Step& step, State* state, std::string* violation) {
  const State before = *state;
  if (IsFault(step.kind)) {
    if (state->faults >= bound_.faults) return false;
    ++state->faults;
    if (IsSlip(step.kind) && bound_.max_sa_age != 0) ++state->slips;
    return DoFault(step, state, violation);
  }
  if (!Do(step, state, violation)) return !violation->empty();
  const bool denied = (step.kind == Kind::kAsk || step.kind == Kind::kDeliver || step.kind == Kind::kEvent) &&
                      state->ends[step.end].holding == Holding::kDenied;
  if (before.link.sa != 0 && state->link.sa == 0 && !denied && step.kind != Kind::kTooOld)
    *violation = "the old SA went before the new one authenticated";
  return !violation->empty() || !(*state == before);
}

bool World::Do(const Step& step, State* state, std::string* violation) {
  End& end = state->ends[step.end];
  Link& link = state->link;
  switch (step.kind) {
    case Kind::kTimePasses:
      return PassTime(state, violation);
    case Kind::kServerTicks:
      server_.Tick(&state->server, state->now, violation);
      return true;
    case Kind::kAsk:
      if (!Ask(state, step.end, violation)) return false;
      return !bound_.answers_at_once || Deliver(state, step.end, false);
    case Kind::kDeliver:
      return Deliver(state, step.end, false);
    case Kind::kTurn:
      return end_.Turn(&end, state->now);
    case Kind::kInstall:
      return Install(state, step.end, violation);
    case Kind::kConnect:
      if (link.sa != 0) return false;
      link = {};
      link.sa = CommonKey(*state, violation);
      return link.sa != 0;
    case Kind::kChangeDue:
    case Kind::kProofOfLife:
      if (link.sa == 0 || link.phase != ChangePhase::kNone) return false;
      if (step.kind == Kind::kChangeDue ? end.change_due == 0 : !bound_.proof_of_life) return false;
      return StartChange(state, step.end);
    case Kind::kTooOld:
      if (!IsTooOld(link)) return false;
      DropLink(state);
      return true;
    case Kind::kReauthenticate:
      return Reauthenticate(state, violation);
    case Kind::kFinishChange:
      if (link.phase != ChangePhase::kOpeningChild) return false;
      FinishChange(state, violation);
      return true;
    case Kind::kEvent:
      if (end.event_pending == 0) return false;
      end.event_pending = 0;
      end.in_flight = {};  // void
      end_.Deny(&end);
      DropLink(state);
      return true;
    case Kind::kResume:
      if (state->server.suspended[step.end] == 0) return false;
      ServerSide::Resume(&state->server, step.end);
      return true;
    case Kind::kServerClockRight:
      if (state->server.offset == 0) return false;
      state->server.offset = 0;
      return true;
    case Kind::kLoseAnswer:
      if (end.in_flight.kind == AnswerKind::kNone) return false;
      end.in_flight = {};
      return true;
    default:
      return false;
  }
}

bool World::Hangs(const State& state) const {
  if (state.link.phase != ChangePhase::kNone || IsTooOld(state.link)) return true;
  for (End end : state.ends) {
    if (end.installing != 0 || end.in_flight.kind != AnswerKind::kNone || end_.Turn(&end, state.now)) return true;
  }
  Server ticked = state.server;
  std::string ignored;
  server_.Tick(&ticked, state.now, &ignored);
  return std::memcmp(&ticked, &state.server, sizeof ticked) != 0;
}

bool World::DoFault(const Step& step, State* state, std::string* violation) {
  End& end = state->ends[step.end];
  switch (step.kind) {
    case Kind::kAnswerHangs:
      return bound_.answers_at_once && Ask(state, step.end, violation);
    case Kind::kDeliverTwice:
      return Deliver(state, step.end, true);
    case Kind::kLinkLost:
      if (state->link.sa == 0) return false;
      DropLink(state);
      return true;
    case Kind::kDaemonRestarts:
      end_.Restart(&end, step.end, state->now, false);
      Adopt(&state->link);
      return true;
    case Kind::kReboots:
      end_.Restart(&end, step.end, state->now, true);
      DropLink(state);
      return true;
    case Kind::kServerRestarts:
      server_.Restart(&state->server);
      return true;
    case Kind::kServerClockBack:
      if (state->server.offset != 0) return false;
      state->server.offset = -kClockBound;
      return true;
    case Kind::kDrift:
      if (end.drift != 0) return false;
      end.drift = step.end == 0 ? kClockBound : -kClockBound;
      return true;
    case Kind::kRotate:
      ServerSide::Rotate(&state->server, step.end);
      return true;
    case Kind::kSuspend:
      if (state->server.suspended[step.end] != 0) return false;
      ServerSide::Suspend(&state->server, step.end);
      for (End& told : state->ends) told.event_pending = 1;
      return true;
    default:
      return false;
  }
}

bool World::Ask(State* state, int end, std::string* violation) {
  End& self = state->ends[static_cast<std::size_t>(end)];
  if (self.in_flight.kind != AnswerKind::kNone) return false;
  self.in_flight = server_.Ask(state->server, state->now, end, violation);
  if (self.in_flight.kind != AnswerKind::kKeys) return self.in_flight.kind == AnswerKind::kDenied;
  const Server& server = state->server;
  const std::uint8_t epoch = self.in_flight.current.version.epoch;
  const int ends = epoch == server.current ? server.current_ends : server.activates[epoch] + kEpochLength;
  if (state->now + server.offset >= ends + kGrace || epoch <= server.destroyed) {
    *violation = "a key is handed out after its end";
  }
  return true;
}

bool World::Deliver(State* state, int end, bool again) {
  End& self = state->ends[static_cast<std::size_t>(end)];
  if (self.in_flight.kind == AnswerKind::kNone) return false;
  const Answer answer = self.in_flight;
  end_.Take(&self, end, state->now);
  self.in_flight = again ? answer : Answer{};
  if (answer.kind == AnswerKind::kDenied) DropLink(state);
  return true;
}

bool World::Install(State* state, int end, std::string* violation) {
  End& self = state->ends[static_cast<std::size_t>(end)];
  if (self.installing == 0) return false;
  const bool had = self.holding == Holding::kInstalled && self.file_key != 0;
  const KeyPool::Meaning old = had ? keys_.MeaningOf(self.file_key) : KeyPool::Meaning{};
  end_.Install(&self, end, state->link.sa != 0);
  const KeyPool::Meaning now = keys_.MeaningOf(self.file_key);
  if (now.lower < old.lower || now.higher < old.higher ||
      (now.lower == old.lower && now.higher == old.higher && now.epoch < old.epoch)) {
    *violation = "an older key is installed over a newer one";
  }
  if (state->server.activates[now.epoch] > state->now + 2 * kClockBound) {
    *violation = "a key is installed before its activation, by more than clocks are off";
  }
  return true;
}

bool World::PassTime(State* state, std::string* violation) {
  if (state->now >= bound_.last_tick) return false;
  if (Hangs(*state)) {
    if (state->faults >= bound_.faults) return false;
    ++state->faults;
    if (bound_.max_sa_age != 0) ++state->slips;
  }
  ++state->now;
  Link& link = state->link;
  if (link.sa == 0 || bound_.max_sa_age == 0) return true;
  ++link.age;
  if (state->now > ExpiryOf(*state, link.sa) + bound_.max_sa_age + state->slips) {
    *violation = "an SA outlives its key by more than max_sa_age";
  }
  return true;
}

int World::ExpiryOf(const State& state, std::uint8_t key) const {
  return state.server.activates[keys_.MeaningOf(key).epoch] + kEpochLength + kGrace;
}

bool World::IsTooOld(const Link& link) const {
  return bound_.max_sa_age != 0 && mistake_ != Mistake::kOldSaStays && link.sa != 0 && link.age >= bound_.max_sa_age;
}

/// As Links::StartKeyChange: with an expired key there is nothing to prove.
bool World::StartChange(State* state, int end) {
  End& self = state->ends[static_cast<std::size_t>(end)];
  if (self.holding == Holding::kExpired) return std::exchange(self.change_due, 0) != 0;
  link_.Begin(&state->link, end);
  return true;
}

/// Each end's max_sa_age begins anew when it sees the new SA carry; the SA goes with the first that has not done so.
void World::FinishChange(State* state, std::string* violation) {
  state->ends[state->link.changer].change_due = 0;
  const std::uint8_t age = state->link.age;
  link_.Finish(&state->link, violation);
  for (const End& end : state->ends) {
    if (!x2sec::core::AuthenticationCounts(EndSide::Standing(end))) state->link.age = age;
  }
}

bool World::Reauthenticate(State* state, std::string* violation) {
  Link& link = state->link;
  if (link.phase != ChangePhase::kReauthenticating) return false;
  const std::uint8_t changer = link.changer;
  if (link_.Reauthenticate(&link, CommonKey(*state, violation), violation)) return true;
  const bool again = x2sec::core::KeyChangeAgainIn(0) < absl::InfiniteDuration();
  state->ends[changer].change_due = again && mistake_ != Mistake::kFailedChangeIsNotRetried ? 1 : 0;
  return true;
}

std::uint8_t World::CommonKey(const State& state, std::string* violation) const {
  const std::uint8_t key = state.ends[0].file_key;
  if (key == 0 || key != state.ends[1].file_key) return 0;
  const bool destroyed = keys_.MeaningOf(key).epoch <= state.server.destroyed;
  for (const End& end : state.ends) {
    if (end.holding == Holding::kDenied) *violation = "an SA is authenticated though an end was denied the key";
    const bool knows_better = end.heard >= keys_.MeaningOf(key).epoch && end.installing == 0;
    if (destroyed && knows_better) *violation = "an SA is authenticated on a destroyed epoch's key";
  }
  const bool expired = state.now > ExpiryOf(state, key) + state.slips;
  if (bound_.max_sa_age != 0 && expired) *violation = "an SA is authenticated on a key that has expired";
  return key;
}

bool World::IsHome(const State& state) const {
  const std::uint8_t key = state.link.sa;
  if (key == 0 || key != state.ends[0].file_key || key != state.ends[1].file_key) return false;
  return keys_.MeaningOf(key) == server_.Wanted(state.server, state.now);
}

std::vector<Step> World::AllSteps() {
  std::vector<Step> steps;
  for (int kind = 0; kind < kStepKinds; ++kind) {
    switch (static_cast<Kind>(kind)) {
      case Kind::kTimePasses:
      case Kind::kServerTicks:
      case Kind::kConnect:
      case Kind::kReauthenticate:
      case Kind::kFinishChange:
      case Kind::kServerClockRight:
      case Kind::kLinkLost:
      case Kind::kServerRestarts:
      case Kind::kServerClockBack:
        steps.push_back({static_cast<Kind>(kind), 0});
        break;
      default:
        for (const std::uint8_t end : {0, 1}) steps.push_back({static_cast<Kind>(kind), end});
    }
  }
  return steps;
}

}  // namespace henb::epoch_protocol
