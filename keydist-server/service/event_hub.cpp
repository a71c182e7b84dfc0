#include "keydist-server/service/event_hub.h"

#include <algorithm>

namespace henb::keydist::service {

void EventHub::Tell(const common::HenbId& who, const ChangeNote& note, Watcher* watcher) const {
  using Kind = WatchEvent::Kind;
  if (!directory_.Concerns(who, note)) return;
  WatchEvent event{.kind = Kind::kPairChanged, .revision = note.revision, .epoch = note.epoch, .peer = note.henb};
  switch (note.kind) {
    case ChangeNote::Kind::kEpoch:
      event.kind = Kind::kEpochReady;
      break;
    case ChangeNote::Kind::kPair:
      event.peer = who == note.henb ? note.other : note.henb;
      break;
    case ChangeNote::Kind::kFacts:
      break;
    case ChangeNote::Kind::kHenb:
      if (who == note.henb) {
        // All its pairs changed.
        event.kind = note.out ? Kind::kSelfSuspended : Kind::kResyncRequired;
      } else if (note.out) {
        event.kind = Kind::kPeerSuspended;
      }
      break;
  }
  watcher->Deliver(event);
}

void EventHub::Publish(ChangeNote note) {
  const std::lock_guard lock(mutex_);
  last_ = note.revision = std::max(note.revision, last_);
  for (const auto& [watcher, who] : watchers_) Tell(who, note, watcher);
  if (note.kind == ChangeNote::Kind::kFacts)
    return;  // Not a revision of its own; who comes back asks for facts anyway.
  history_.push_back(std::move(note));
  if (history_.size() > kHistory) {
    floor_ = history_.front().revision;
    history_.pop_front();
  }
}

void EventHub::Subscribe(const common::HenbId& who, std::uint64_t after_revision, Watcher* watcher) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t now = std::max(directory_.revision(), floor_);
  if (after_revision != 0 && (after_revision < floor_ || after_revision > now)) {
    watcher->Deliver({.kind = WatchEvent::Kind::kResyncRequired, .revision = now, .epoch = 0, .peer = {}});
  } else if (after_revision != 0) {
    for (const ChangeNote& note : history_) {
      if (note.revision > after_revision) Tell(who, note, watcher);
    }
  }
  watchers_.insert_or_assign(watcher, who);
}

void EventHub::Unsubscribe(Watcher* watcher) {
  const std::lock_guard lock(mutex_);
  watchers_.erase(watcher);
}

std::size_t EventHub::watchers() const {
  const std::lock_guard lock(mutex_);
  return watchers_.size();
}

}  // namespace henb::keydist::service
