// This HeNB's standing with the key service.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/core/ports/key_service.h"

namespace henb::x2sec::app {

/// Registered and watching while it is wanted, and not a packet before (R4). Its end may be put off: neighbours come
/// and go, and a session costs more than all their keys. One call at a time, on the worker; what is asked meanwhile
/// makes the next batch. A service that is not reachable is tried again with back-off, spread so that a server that
/// comes back is not trampled; one that has no time now (a quota) when it says, and not before. Loop thread.
class KeySession {
 public:
  struct Parts {
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& worker;
    core::KeyService& service;
    std::function<core::RegisterFacts()> facts;
    std::function<void(core::PairResult)> answered;    ///< For each peer that was asked for and is not void.
    std::function<void(const absl::Status&)> not_now;  ///< Not reached, or it has no time; comes back by itself.
    std::function<void(const absl::Status&)>
        refused;  ///< This HeNB is unknown or suspended there; tried again, seldom.
    std::function<void(const core::KeyServiceEvent&)> event;
  };
  explicit KeySession(Parts parts);
  /// Ends the watch.
  ~KeySession();
  KeySession(const KeySession&) = delete;
  KeySession& operator=(const KeySession&) = delete;

  /// `linger`: what is not wanted now may be so again soon; the session stays some minutes. Ask follows where it is
  /// wanted anew.
  void SetWanted(bool wanted, bool linger);
  void Ask(std::set<common::HenbId> peers);
  /// The same, and at once where it waits to reach the service again.
  void AskNow(const common::HenbId& peer);
  /// A retry that waits because the service was not reachable comes soon.
  void PathChanged();
  /// It need not be asked for; an answer under way is void.
  void Forget(const common::HenbId& peer);
  /// An answer under way is void: it is asked for again.
  void Void(const common::HenbId& peer);
  /// Its next answer is still to come, to a question that is not on its way yet.
  [[nodiscard]] bool IsWaiting(const common::HenbId& peer) const { return to_ask_.contains(peer); }
  /// The service said that this HeNB is suspended.
  void Suspended(const absl::Status& why) { Refused(why); }
  /// How the last call went.
  [[nodiscard]] const absl::Status& health() const { return health_; }
  /// Since when each call has failed to reach it; none: it answers, or nobody has asked.
  [[nodiscard]] const std::optional<absl::Time>& away_since() const { return away_since_; }

 private:
  struct Registration {
    absl::StatusOr<core::RegisterResult> result;
    bool watching = false;
  };
  void Pump();
  template <typename Job, typename Done>
  void Call(Job job, Done done);
  void Register();
  void Registered(const absl::StatusOr<core::RegisterResult>& result);
  void AskBatch();
  void Answered(const std::vector<common::HenbId>& peers, absl::StatusOr<std::vector<core::PairResult>> results);
  void NotNow(const absl::Status& error);
  void Refused(const absl::Status& error);
  void RetryAfter(absl::Duration delay);
  void Cancel(std::optional<common::EventLoop::TimerId>* timer);

  Parts parts_;
  std::set<common::HenbId> to_ask_;
  std::set<common::HenbId> asking_;  // In the call that is under way, and not void.
  bool wanted_ = false;
  bool registered_ = false;
  bool watching_ = false;
  bool calling_ = false;
  bool stale_ = false;             ///< Registered before it was wanted anew: what it told may be another's by now.
  common::Backoff again_;          // After a failure.
  common::Backoff again_refused_;  // This HeNB is not let in: seldom.
  std::optional<common::EventLoop::TimerId> retry_;
  std::optional<common::EventLoop::TimerId> lease_;
  std::optional<common::EventLoop::TimerId> linger_;
  absl::Status health_;
  std::optional<absl::Time> away_since_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace henb::x2sec::app
