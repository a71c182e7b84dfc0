// What KeyDistribution is made of. Private to its two sources.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "henb-x2sec/app/keys/key_distribution.h"
#include "henb-x2sec/app/keys/key_ledger.h"
#include "henb-x2sec/app/keys/key_session.h"
#include "henb-x2sec/app/keys/pair_key_ring.h"
#include "henb-x2sec/app/keys/secret_installer.h"

namespace henb::x2sec::app {

struct KeyDistribution::Impl {
  using HenbId = common::HenbId;
  using TimerId = common::EventLoop::TimerId;
  using Waiter = std::function<void(absl::Status)>;

  struct Pair {
    KeyState state;
    std::optional<TimerId> turn;  ///< The next key is due, or the current one ends.
    std::optional<TimerId> ask;
    std::vector<Waiter> waiters;
    bool installing = false;  ///< The ring's current key is on its way to pluto.
  };

  explicit Impl(Parts p);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void SetNeeded(const std::set<HenbId>& peers, bool may_need);
  void Refresh(const HenbId& peer, Waiter done);

 private:
  // What the session brings.
  void Answered(core::PairResult result);
  void NotNow(const absl::Status& error);
  void Refused(const absl::Status& error);
  void Event(const core::KeyServiceEvent& event);

  void Clean();
  void Adopt(const HenbId& peer, Pair* pair, KeyState left);

  // One pair.
  void Take(const HenbId& peer, Pair* pair, core::PairKeys keys);
  void RefuseAnswer(const HenbId& peer, Pair* pair, std::string_view why);
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
    installer_.Remove(peer);
    ledger_.Erase(peer);
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
    parts.loop.Post([alive_then = alive_, then = std::move(then)] {
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
  std::map<HenbId, PairKeyRing> rings_;  // Outlive their pairs: what was taken once is remembered (R47).
  std::optional<TimerId> spread_;
  bool cleaned_ = false;
  KeyLedger ledger_{parts.config.secrets_file + ".ledger"};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  SecretInstaller installer_;

 public:
  std::unique_ptr<KeySession> session;  // None: no key service.
};

}  // namespace henb::x2sec::app
