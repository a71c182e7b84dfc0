// Who watches, and what they hear.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>

#include "keydist-server/service/directory.h"

namespace henb::keydist::service {

/// One event for one HeNB. No keys in it.
struct WatchEvent {
  enum class Kind { kEpochReady, kPairChanged, kPeerSuspended, kSelfSuspended, kResyncRequired };
  Kind kind = Kind::kResyncRequired;
  std::uint64_t revision = 0;
  std::uint64_t epoch = 0;  ///< kEpochReady.
  common::HenbId peer{};    ///< kPairChanged, kPeerSuspended.
};

/// One stream. Deliver is called with the hub's lock held: it queues and returns, and never calls the hub.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void Deliver(const WatchEvent& event) = 0;
};

/// Distributes changes, and keeps the last of them for those who come back. Any thread.
class EventHub {
 public:
  static constexpr std::size_t kHistory = 4096;  ///< Changes kept for replay; older → ResyncRequired.

  /// History starts after `revision`.
  EventHub(const Directory& directory, std::uint64_t revision) : directory_(directory), floor_(revision) {}

  void Publish(ChangeNote note);
  /// Delivers what happened after `after_revision` (0: nothing), then what happens, until Unsubscribe has returned.
  void Subscribe(const common::HenbId& who, std::uint64_t after_revision, Watcher* watcher);
  void Unsubscribe(Watcher* watcher);
  [[nodiscard]] std::size_t watchers() const;

 private:
  void Tell(const common::HenbId& who, const ChangeNote& note, Watcher* watcher) const;
  const Directory& directory_;
  mutable std::mutex mutex_;
  std::map<Watcher*, common::HenbId> watchers_;
  std::deque<ChangeNote> history_;
  std::uint64_t floor_;     ///< Revision before the first of history_.
  std::uint64_t last_ = 0;  ///< Highest revision told: what is told next has no lower one.
};

}  // namespace henb::keydist::service
