#include "keydist-server/store/etcd_feed.h"

#include <algorithm>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::store {
namespace {

constexpr std::uint64_t kPage = 1000;
constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kMostRetry = absl::Seconds(2);

}  // namespace

EtcdFeed::~EtcdFeed() { Stop(); }

void EtcdFeed::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  client_.StopWatching();
  thread_.join();
}

void EtcdFeed::Start(Store::Listener listener) {
  listener_ = std::move(listener);
  silent_since_ = clock_.Steady();
  thread_ = std::thread([this] { Run(); });
}

void EtcdFeed::Run() {
  absl::Duration pause = kFirstRetry;
  while (true) {
    std::uint64_t from = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      from = heard_ + 1;
    }
    absl::Status ended = client_.Watch(keys_.prefix(), from, [&](std::span<const EtcdEntry> entries) {
      pause = kFirstRetry;
      Tell(entries);
    });
    if (absl::IsOutOfRange(ended)) ended = CatchUp();
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (watching_) silent_since_ = clock_.Steady();
    watching_ = false;
    if (ended.ok()) continue;
    if (!lost_told_) common::LogWarning("store_feed_lost", {{"error", ended}});
    lost_told_ = true;
    changed_.wait_for(lock, absl::ToChronoNanoseconds(random_.Jitter(pause, 0.3)), [this] { return stopping_; });
    pause = std::min(2 * pause, kMostRetry);
  }
}

absl::Status EtcdFeed::CatchUp() {
  while (true) {
    EtcdQuery query{.key = keys_.prefix(), .end = EndOfPrefix(keys_.prefix()), .limit = kPage};
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return absl::OkStatus();
      query.changed_from = heard_ + 1;
    }
    ASSIGN_OR_RETURN(const EtcdAnswer answer, client_.Range(query));
    Tell(answer.entries);
    if (answer.more) continue;
    Heard(answer.revision);
    return absl::OkStatus();
  }
}

void EtcdFeed::Tell(std::span<const EtcdEntry> entries) {
  {
    const std::lock_guard lock(mutex_);
    watching_ = true;
    if (lost_told_) common::LogInfo("store_feed_back", {{"revision", heard_}});
    lost_told_ = false;
  }
  for (const EtcdEntry& entry : entries) {
    absl::StatusOr<std::optional<Change>> change =
        entry.deleted ? absl::DataLossError(common::StrCat("key ", common::Quoted(entry.key), " was deleted in etcd"))
                      : DecodeChange(keys_, entry.key, entry.value, entry.revision);
    if (!change.ok()) {
      common::LogAlarm("store_record_unreadable", {{"error", change.status()}});
      const std::lock_guard lock(mutex_);
      spoilt_ = change.status();
    } else if (change->has_value()) {
      listener_(**change);
    }
    Heard(entry.revision);
  }
}

void EtcdFeed::Heard(std::uint64_t revision) {
  {
    const std::lock_guard lock(mutex_);
    heard_ = std::max(heard_, revision);
  }
  changed_.notify_all();
}

absl::Status EtcdFeed::AwaitTold(std::uint64_t revision, absl::Duration within) {
  std::unique_lock lock(mutex_);
  if (!thread_.joinable() || heard_ >= revision) return absl::OkStatus();
  if (changed_.wait_for(lock, absl::ToChronoNanoseconds(within), [&] { return heard_ >= revision || stopping_; })) {
    return absl::OkStatus();
  }
  owed_ = std::max(owed_, revision);
  return absl::UnavailableError(common::StrCat("done at revision ", revision, ", but not yet heard of here"));
}

absl::Status EtcdFeed::Following() const {
  const absl::Duration now = clock_.Steady();
  const std::lock_guard lock(mutex_);
  if (!spoilt_.ok()) return spoilt_;
  if (now - client_.answered_at() > most_silence_ || (!watching_ && now - silent_since_ > most_silence_) ||
      owed_ > heard_) {
    return absl::UnavailableError("no word from etcd: what other replicas changed may be unknown here");
  }
  return absl::OkStatus();
}

}  // namespace henb::keydist::store
