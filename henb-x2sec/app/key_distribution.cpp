#include "henb-x2sec/app/key_distribution.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/key_ledger.h"
#include "henb-x2sec/app/key_session.h"
#include "henb-x2sec/app/pair_key_ring.h"
#include "henb-x2sec/app/secret_installer.h"

namespace henb::x2sec::app {
namespace {

using common::HenbId;
using common::StrCat;
using TimerId = common::EventLoop::TimerId;
using Waiter = std::function<void(absl::Status)>;

constexpr absl::Duration kAskDeniedAgain = absl::Minutes(5);
constexpr absl::Duration kAskAgainAfterRefusal = absl::Seconds(30);
constexpr absl::Duration kSpread = absl::Seconds(1);  // What all HeNBs are told at once they do not ask at once.

struct Pair {
  KeyState state;
  std::optional<TimerId> turn;  ///< The next key is due, or the current one ends.
  std::optional<TimerId> ask;
  std::vector<Waiter> waiters;
  bool installing = false;  ///< The ring's current key is on its way to pluto.
};

}  // namespace

struct KeyDistribution::Impl {
  explicit Impl(Parts p)
      : parts(std::move(p)),
        installer(parts.config.id, parts.secrets, parts.ike, parts.worker, parts.loop, parts.random,
                  [this](const HenbId& peer, const absl::Status& status) { Installed(peer, status); }) {
    for (const core::SecretPair& pair : parts.secrets.Pairs()) {
      if (pair.local == parts.config.id) kept[pair.peer] = LeftState(ledger.Find(pair.peer), parts.clock.Steady());
    }
    if (parts.service == nullptr) return;
    session = std::make_unique<KeySession>(
        KeySession::Parts{.loop = parts.loop,
                          .clock = parts.clock,
                          .random = parts.random,
                          .worker = parts.worker,
                          .service = *parts.service,
                          .facts = parts.facts,
                          .answered = [this](core::PairResult result) { Answered(std::move(result)); },
                          .unreachable = [this](const absl::Status& error) { Unreachable(error); },
                          .refused = [this](const absl::Status& error) { Refused(error); },
                          .event = [this](const core::KeyServiceEvent& event) { Event(event); }});
  }
  ~Impl() {
    *alive = false;
    for (auto& [peer, pair] : pairs) CancelTimers(&pair);
    Cancel(&spread);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void SetNeeded(const std::set<HenbId>& peers);
  void Refresh(const HenbId& peer, Waiter done);

 private:
  // What the session brings.
  void Answered(core::PairResult result);
  void Unreachable(const absl::Status& error);
  void Refused(const absl::Status& error);
  void Event(const core::KeyServiceEvent& event);

  void Clean();
  void Adopt(const HenbId& peer, Pair* pair, KeyState left);

  // One pair.
  void Take(const HenbId& peer, Pair* pair, core::PairKeys keys);
  void Deny(const HenbId& peer, Pair* pair, core::KeyDenial denial, std::string problem);
  void Install(const HenbId& peer, Pair* pair);
  void Installed(const HenbId& peer, const absl::Status& status);
  void Expired(const HenbId& peer, Pair* pair);
  void Schedule(const HenbId& peer, Pair* pair);
  void ArmTurn(const HenbId& peer, Pair* pair);
  void Turn(const HenbId& peer);
  void AskLater(const HenbId& peer, Pair* pair, absl::Duration delay);
  /// From the secrets file and from pluto.
  void Withdraw(const HenbId& peer) {
    installer.Remove(peer);
    ledger.Erase(peer);
  }
  /// Answers those who wait.
  void Settle(Pair* pair, const absl::Status& status);
  /// The same, unless a later answer is to come.
  void SettleIfLast(const HenbId& peer, Pair* pair) {
    if (!session->IsWaiting(peer)) Settle(pair, absl::OkStatus());
  }

  void Cancel(std::optional<TimerId>* timer) {
    if (*timer) parts.loop.CancelTimer(**timer);
    timer->reset();
  }
  void CancelTimers(Pair* pair) {
    for (auto* timer : {&pair->turn, &pair->ask}) Cancel(timer);
  }
  /// Callbacks run from the loop, never from within a call of their owner's.
  void Later(std::function<void()> then) {
    parts.loop.Post([alive_then = alive, then = std::move(then)] {
      if (*alive_then) then();
    });
  }
  void Changed(const HenbId& peer, bool replaced) {
    Later([this, peer, replaced] { parts.changed(peer, replaced); });
  }
  [[nodiscard]] std::set<HenbId> Peers() const {
    std::set<HenbId> peers;
    for (const auto& [peer, pair] : pairs) peers.insert(peer);
    return peers;
  }
  Pair* Find(const HenbId& peer) {
    const auto it = pairs.find(peer);
    return it == pairs.end() ? nullptr : &it->second;
  }

 public:
  Parts parts;
  std::map<HenbId, Pair> pairs;
  std::map<HenbId, KeyState> kept;  // What an earlier run left; empty once it is known who is needed.

 private:
  std::map<HenbId, PairKeyRing> rings;  // Outlive their pairs: what was taken once is remembered (R47).
  std::optional<TimerId> spread;
  bool cleaned = false;
  KeyLedger ledger{parts.config.secrets_file + ".ledger"};
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  SecretInstaller installer;

 public:
  std::unique_ptr<KeySession> session;  // None: no key service.
};

void KeyDistribution::Impl::SetNeeded(const std::set<HenbId>& peers) {
  for (auto it = pairs.begin(); it != pairs.end();) {
    auto& [peer, pair] = *it;
    if (peers.contains(peer)) {
      ++it;
      continue;
    }
    CancelTimers(&pair);
    if (session != nullptr) session->Forget(peer);
    Settle(&pair, absl::CancelledError("no link needs the key any more"));
    Withdraw(peer);
    rings[peer].Forget();
    it = pairs.erase(it);
  }
  std::set<HenbId> added;
  for (const HenbId& peer : peers) {
    const auto [it, is_new] = pairs.try_emplace(peer);
    if (!is_new) continue;
    added.insert(peer);
    it->second.state.problem = session != nullptr ? "the key service has not answered yet"
                                                  : "no key service: left out, switched off or not configured";
    if (const auto left = kept.find(peer); left != kept.end()) Adopt(peer, &it->second, left->second);
    if (session == nullptr) Changed(peer, false);
  }
  if (!std::exchange(cleaned, true)) Clean();
  if (session == nullptr) return;
  session->SetWanted(!pairs.empty());
  session->Ask(std::move(added));
}

/// What an earlier run left and nobody goes on with goes.
void KeyDistribution::Impl::Clean() {
  std::set<HenbId> stay;
  for (const auto& [peer, pair] : pairs) {
    if (pair.state.kept) stay.insert(peer);
  }
  installer.RemoveAllBut(stay);
  ledger.EraseAllBut(stay);
  kept.clear();
}

void KeyDistribution::Impl::Adopt(const HenbId& peer, Pair* pair, KeyState left) {
  pair->state = std::move(left);
  if (const KeyLedger::Entry* entry = ledger.Find(peer)) rings[peer].Recall(entry->version, entry->expire_at);
  if (pair->state.kept) return ArmTurn(peer, pair);
  static_cast<void>(rings[peer].Expire(parts.clock.Steady()));
  Expired(peer, pair);
}

void KeyDistribution::Impl::Refresh(const HenbId& peer, Waiter done) {
  Pair* pair = Find(peer);
  if (pair == nullptr || session == nullptr) {
    const std::string why =
        pair == nullptr ? StrCat("no link with ", peer.str(), " needs a pair key") : pair->state.problem;
    return Later([done = std::move(done), why] { done(absl::FailedPreconditionError(why)); });
  }
  pair->waiters.push_back(std::move(done));
  session->AskNow(peer);
}

void KeyDistribution::Impl::Answered(core::PairResult result) {
  Pair* pair = Find(result.peer);
  if (pair == nullptr) return;
  if (const auto* denial = std::get_if<core::KeyDenial>(&result.result)) {
    return Deny(result.peer, pair, *denial, std::string(DenialText(*denial)));
  }
  Take(result.peer, pair, std::move(std::get<core::PairKeys>(result.result)));
}

/// R49: what is installed stays.
void KeyDistribution::Impl::Unreachable(const absl::Status& error) {
  for (auto& [peer, pair] : pairs) {
    const std::string problem =
        pair.state.expired ? WhyExpired(session->away_since()) : StrCat("key service: ", error.message());
    if (!pair.state.installed && !pair.state.denial && std::exchange(pair.state.problem, problem) != problem) {
      Changed(peer, false);
    }
    Settle(&pair, pair.state.installed ? absl::OkStatus() : error);
  }
}

/// This HeNB is unknown or suspended there: none of its keys may be used any longer.
void KeyDistribution::Impl::Refused(const absl::Status& error) {
  for (auto& [peer, pair] : pairs) {
    session->Void(peer);
    Deny(peer, &pair, core::KeyDenial::kSuspended, StrCat("the key service refuses this HeNB: ", error.message()));
  }
  session->Ask(Peers());
}

void KeyDistribution::Impl::Event(const core::KeyServiceEvent& event) {
  using Kind = core::KeyServiceEvent::Kind;
  common::LogDebug("key.event", {{"kind", static_cast<int>(event.kind)}, {"revision", event.revision}});
  switch (event.kind) {
    case Kind::kSelfSuspended:
      return session->Suspended(absl::PermissionDeniedError("this HeNB is suspended"));
    case Kind::kPeerSuspended:
      session->Void(event.peer);
      Answered({.peer = event.peer, .result = core::KeyDenial::kSuspended});
      return;
    case Kind::kPairChanged:
      if (Find(event.peer) != nullptr) session->Ask({event.peer});
      return;
    case Kind::kEpochReady:
    case Kind::kResyncRequired:
      if (spread) return;
      spread = parts.loop.After(parts.random.Jitter(kSpread, 1.0), [this] {
        spread.reset();
        session->Ask(Peers());
      });
  }
}

void KeyDistribution::Impl::Take(const HenbId& peer, Pair* pair, core::PairKeys keys) {
  if (keys.peer_facts) Later([this, peer, facts = *keys.peer_facts] { parts.learned(peer, facts); });
  const std::uint64_t epoch = keys.current.epoch;
  const PairKeyRing::Verdict verdict = rings[peer].Take(std::move(keys), parts.clock.Steady());
  if (verdict == PairKeyRing::Verdict::kFresh) {
    pair->state.denial.reset();
    Install(peer, pair);
  } else if (verdict == PairKeyRing::Verdict::kSame) {
    if (pair->state.standing() == core::KeyStanding::kGood && !pair->installing) {
      ledger.Keep(peer, {rings[peer].current()->version, rings[peer].current()->expire_at});
      SettleIfLast(peer, pair);
    }
  } else {
    const std::string reason = StrCat("an answer of the key service was refused: ", VerdictName(verdict));
    common::LogAlarm("key.stale_refused", {{"neighbour", peer.str()}, {"epoch", epoch}, {"why", VerdictName(verdict)}});
    if (!pair->state.installed) pair->state.problem = reason;
    Settle(pair, pair->state.installed ? absl::OkStatus() : absl::FailedPreconditionError(reason));
    return AskLater(peer, pair, kAskAgainAfterRefusal);
  }
  Schedule(peer, pair);
}

void KeyDistribution::Impl::Deny(const HenbId& peer, Pair* pair, core::KeyDenial denial, std::string problem) {
  const bool had_key = pair->state.standing() != core::KeyStanding::kNone || pair->installing;
  const bool news = had_key || pair->state.denial != denial;
  CancelTimers(pair);
  rings[peer].Forget();
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
  Withdraw(peer);
  Changed(peer, false);
}

void KeyDistribution::Impl::Install(const HenbId& peer, Pair* pair) {
  pair->installing = true;
  installer.Put(peer, rings[peer].current()->key.Clone());
}

void KeyDistribution::Impl::Installed(const HenbId& peer, const absl::Status& status) {
  Pair* pair = Find(peer);
  const auto& current = rings[peer].current();
  if (pair == nullptr || !current) return;
  if (!status.ok()) {
    const std::string problem = StrCat("the key is not with pluto yet: ", status.message());
    if (!pair->state.installed && std::exchange(pair->state.problem, problem) != problem) Changed(peer, false);
    return Settle(pair, status);
  }
  const bool replaced = Replaces(pair->state, current->version);
  pair->installing = false;
  pair->state = InstalledState(current->version);
  ledger.Keep(peer, {current->version, current->expire_at});
  common::LogInfo("key.installed", {{"neighbour", peer.str()},
                                    {"epoch", current->version.epoch},
                                    {"generation_local", current->version.generation_local},
                                    {"generation_peer", current->version.generation_peer},
                                    {"replaced", replaced}});
  Changed(peer, replaced);
  SettleIfLast(peer, pair);
}

void KeyDistribution::Impl::Schedule(const HenbId& peer, Pair* pair) {
  AskLater(peer, pair, rings[peer].AskAgainIn(parts.clock.Steady()));
  ArmTurn(peer, pair);
}

void KeyDistribution::Impl::ArmTurn(const HenbId& peer, Pair* pair) {
  Cancel(&pair->turn);
  const absl::Duration turns_at = rings[peer].TurnsAt();
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
  const bool advanced = rings[peer].Advance(now);
  if (rings[peer].Expire(now)) {
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

KeyDistribution::KeyDistribution(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}

KeyDistribution::~KeyDistribution() = default;

void KeyDistribution::SetNeeded(std::set<HenbId> peers) { impl_->SetNeeded(peers); }

void KeyDistribution::Refresh(const HenbId& peer, std::function<void(absl::Status)> done) {
  impl_->Refresh(peer, std::move(done));
}

void KeyDistribution::PathChanged() {
  if (impl_->session != nullptr) impl_->session->PathChanged();
}

const KeyState& KeyDistribution::StateOf(const HenbId& peer) const {
  static const KeyState kNotNeeded;
  if (const auto it = impl_->pairs.find(peer); it != impl_->pairs.end()) return it->second.state;
  const auto left = impl_->kept.find(peer);
  return left == impl_->kept.end() ? kNotNeeded : left->second;
}

const absl::Status& KeyDistribution::health() const {
  static const absl::Status kNone;
  return impl_->session == nullptr ? kNone : impl_->session->health();
}

}  // namespace henb::x2sec::app
