#include "henb-x2sec/app/keys/key_distribution.h"

#include <utility>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/keys/key_distribution_impl.h"

namespace henb::x2sec::app {
namespace {

using common::HenbId;
using common::StrCat;

constexpr absl::Duration kSpread = absl::Seconds(1);  // What all HeNBs are told at once they do not ask at once.

}  // namespace

KeyDistribution::Impl::Impl(Parts p)
    : parts(std::move(p)),
      installer_(parts.config.id, parts.secrets, parts.ike, parts.worker, parts.loop, parts.random,
                 [this](const HenbId& peer, const absl::Status& status) { Installed(peer, status); }) {
  std::set<HenbId> in_file;
  for (const core::SecretPair& pair : parts.secrets.Pairs()) {
    if (pair.local == parts.config.id) in_file.insert(pair.peer);
  }
  std::set<HenbId> left = ledger_.Peers();
  left.insert(in_file.begin(), in_file.end());
  for (const HenbId& peer : left) {
    kept[peer] = LeftState(ledger_.Find(peer), in_file.contains(peer), parts.clock.Steady());
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
                        .not_now = [this](const absl::Status& error) { NotNow(error); },
                        .refused = [this](const absl::Status& error) { Refused(error); },
                        .event = [this](const core::KeyServiceEvent& event) { Event(event); }});
}

KeyDistribution::Impl::~Impl() {
  *alive_ = false;
  for (auto& [peer, pair] : pairs) CancelTimers(&pair);
  Cancel(&spread_);
}

void KeyDistribution::Impl::SetNeeded(const std::set<HenbId>& peers, bool may_need) {
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
    rings_[peer].Forget();
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
  if (!std::exchange(cleaned_, true)) Clean();
  if (session == nullptr) return;
  session->SetWanted(!pairs.empty(), may_need);
  session->Ask(std::move(added));
}

/// What an earlier run left and nobody goes on with goes.
void KeyDistribution::Impl::Clean() {
  std::set<HenbId> stay;
  for (const auto& [peer, pair] : pairs) {
    if (pair.state.kept) stay.insert(peer);
  }
  installer_.RemoveAllBut(stay);
  ledger_.EraseAllBut(Peers());
  kept.clear();
}

void KeyDistribution::Impl::Adopt(const HenbId& peer, Pair* pair, KeyState left) {
  pair->state = std::move(left);
  if (const KeyLedger::Entry* entry = ledger_.Find(peer)) rings_[peer].Recall(entry->version, entry->expire_at);
  if (pair->state.kept) return ArmTurn(peer, pair);
  static_cast<void>(rings_[peer].Expire(parts.clock.Steady()));
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
  if (const auto* refused = std::get_if<absl::Status>(&result.result)) {
    return RefuseAnswer(result.peer, pair, std::string(refused->message()));
  }
  if (const auto* denial = std::get_if<core::KeyDenial>(&result.result)) {
    return Deny(result.peer, pair, *denial, std::string(DenialText(*denial)));
  }
  Take(result.peer, pair, std::move(std::get<core::PairKeys>(result.result)));
}

/// R49: what is installed stays.
void KeyDistribution::Impl::NotNow(const absl::Status& error) {
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
      if (spread_) return;
      spread_ = parts.loop.After(parts.random.Jitter(kSpread, 1.0), [this] {
        spread_.reset();
        session->Ask(Peers());
      });
  }
}

KeyDistribution::KeyDistribution(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}

KeyDistribution::~KeyDistribution() = default;

void KeyDistribution::SetNeeded(const std::set<HenbId>& peers, bool may_need) { impl_->SetNeeded(peers, may_need); }

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
