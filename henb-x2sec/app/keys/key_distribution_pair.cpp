// KeyDistribution: one pair's key, from an answer to its end.
#include <algorithm>

#include "common/log.h"
#include "common/strings.h"
#include "henb-x2sec/app/keys/key_distribution_impl.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

constexpr absl::Duration kAskDeniedAgain = absl::Minutes(5);
constexpr absl::Duration kAskAgainAfterRefusal = absl::Seconds(30);

}  // namespace

void KeyDistribution::Impl::Take(const HenbId& peer, Pair* pair, core::PairKeys keys) {
  if (keys.peer_facts) Later([this, peer, facts = *keys.peer_facts] { parts.learned(peer, facts); });
  const std::uint64_t epoch = keys.current.epoch;
  const PairKeyRing::Verdict verdict = rings_[peer].Take(std::move(keys), parts.clock.Steady());
  if (verdict == PairKeyRing::Verdict::kFresh) {
    pair->state.denial.reset();
    Install(peer, pair);
  } else if (verdict == PairKeyRing::Verdict::kSame) {
    if (pair->state.standing() == core::KeyStanding::kGood && !pair->installing) {
      ledger_.Keep(peer, {rings_[peer].current()->version, rings_[peer].current()->expire_at});
      SettleIfLast(peer, pair);
    }
  } else {
    return RefuseAnswer(peer, pair, StrCat("epoch ", epoch, ": ", VerdictName(verdict)));
  }
  Schedule(peer, pair);
}

void KeyDistribution::Impl::RefuseAnswer(const HenbId& peer, Pair* pair, std::string_view why) {
  const std::string reason = StrCat("an answer of the key service was refused: ", why);
  common::LogAlarm("key.stale_refused", {{"neighbour", peer.str()}, {"why", why}});
  if (!pair->state.installed) pair->state.problem = reason;
  Settle(pair, pair->state.installed ? absl::OkStatus() : absl::FailedPreconditionError(reason));
  AskLater(peer, pair, kAskAgainAfterRefusal);
}

void KeyDistribution::Impl::Deny(const HenbId& peer, Pair* pair, core::KeyDenial denial, std::string problem) {
  const bool had_key = pair->state.standing() != core::KeyStanding::kNone || pair->installing;
  const bool news = had_key || pair->state.denial != denial;
  CancelTimers(pair);
  rings_[peer].Forget();
  pair->installing = false;
  pair->state = DeniedState(denial, std::move(problem));
  Settle(pair, absl::PermissionDeniedError(pair->state.problem));
  AskLater(peer, pair, kAskDeniedAgain);
  if (!news) return;
  common::LogWarning("key.denied", {{"neighbour", peer.str()}, {"reason", pair->state.problem}});
  Withdraw(peer);
  Changed(peer, false);
}

/// R49: the service was away when the epoch and its grace ended. SAs that are up stay until the rule's max_sa_age.
void KeyDistribution::Impl::Expired(const HenbId& peer, Pair* pair) {
  pair->installing = false;
  pair->state =
      ExpiredState(pair->state.version, WhyExpired(session == nullptr ? std::nullopt : session->away_since()));
  common::LogAlarm("key.expired",
                   {{"neighbour", peer.str()}, {"epoch", pair->state.version.epoch}, {"reason", pair->state.problem}});
  installer_.Remove(peer);
  // A later run has to know that what carries may stay.
  if (ledger_.Find(peer) == nullptr) ledger_.Keep(peer, {pair->state.version, parts.clock.Steady()});
  Changed(peer, false);
}

void KeyDistribution::Impl::Install(const HenbId& peer, Pair* pair) {
  pair->installing = true;
  installer_.Put(peer, rings_[peer].current()->key.Clone());
}

void KeyDistribution::Impl::Installed(const HenbId& peer, const absl::Status& status) {
  Pair* pair = Find(peer);
  const auto& current = rings_[peer].current();
  if (pair == nullptr || !current) return;
  if (!status.ok()) {
    const std::string problem = StrCat("the key is not with pluto yet: ", status.message());
    if (!pair->state.installed && std::exchange(pair->state.problem, problem) != problem) Changed(peer, false);
    return Settle(pair, status);
  }
  const bool replaced = Replaces(pair->state, current->version);
  pair->installing = false;
  pair->state = InstalledState(current->version);
  ledger_.Keep(peer, {current->version, current->expire_at});
  common::LogInfo("key.installed", {{"neighbour", peer.str()},
                                    {"epoch", current->version.epoch},
                                    {"generation_local", current->version.generation_local},
                                    {"generation_peer", current->version.generation_peer},
                                    {"replaced", replaced}});
  Changed(peer, replaced);
  SettleIfLast(peer, pair);
}

void KeyDistribution::Impl::Schedule(const HenbId& peer, Pair* pair) {
  AskLater(peer, pair, rings_[peer].AskAgainIn(parts.clock.Steady()));
  ArmTurn(peer, pair);
}

void KeyDistribution::Impl::ArmTurn(const HenbId& peer, Pair* pair) {
  Cancel(&pair->turn);
  const absl::Duration turns_at = rings_[peer].TurnsAt();
  if (turns_at == absl::InfiniteDuration()) return;
  pair->turn =
      parts.loop.After(std::max(turns_at - parts.clock.Steady(), absl::ZeroDuration()), [this, peer] { Turn(peer); });
}

/// The next key's time has come, or the current one's is over.
void KeyDistribution::Impl::Turn(const HenbId& peer) {
  Pair* pair = Find(peer);
  if (pair == nullptr) return;
  pair->turn.reset();
  const absl::Duration now = parts.clock.Steady();
  const bool advanced = rings_[peer].Advance(now);
  if (rings_[peer].Expire(now)) {
    Expired(peer, pair);
  } else if (advanced) {
    Install(peer, pair);
  }
  Schedule(peer, pair);
}

void KeyDistribution::Impl::AskLater(const HenbId& peer, Pair* pair, absl::Duration delay) {
  Cancel(&pair->ask);
  if (session == nullptr) return;
  pair->ask = parts.loop.After(parts.random.Jitter(delay, 0.1), [this, peer] {
    if (Pair* due = Find(peer)) due->ask.reset();
    session->Ask({peer});
  });
}

void KeyDistribution::Impl::Settle(Pair* pair, const absl::Status& status) {
  for (Waiter& waiter : std::exchange(pair->waiters, {})) {
    Later([waiter = std::move(waiter), status] { waiter(status); });
  }
}

}  // namespace henb::x2sec::app
