// What every replica changes, told in order: the listener's side of the etcd store.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <thread>

#include "common/random.h"
#include "keydist-server/store/etcd_client.h"
#include "keydist-server/store/etcd_codec.h"

namespace henb::keydist::store {

/// Watches etcd on a thread of its own; a watch that breaks is taken up after the last revision that was told. Where
/// etcd has compacted that history away, the last change of each key since then is read and told instead: keys are
/// never deleted, so nothing is missed but what was overwritten.
class EtcdFeed {
 public:
  /// Tells what comes after revision `after`. Longer than `most_silence` without word from etcd, and what is known here
  /// may be out of date. The references outlive the feed.
  EtcdFeed(EtcdClient& client, const EtcdKeys& keys, const common::Clock& clock, common::Random& random,
           std::uint64_t after, absl::Duration most_silence)
      : client_(client), keys_(keys), clock_(clock), random_(random), most_silence_(most_silence), heard_(after) {}
  ~EtcdFeed();
  EtcdFeed(const EtcdFeed&) = delete;
  EtcdFeed& operator=(const EtcdFeed&) = delete;

  /// Once.
  void Start(Store::Listener listener);
  /// For good; the listener hears nothing more when it has returned.
  void Stop();
  /// Waits until `revision` has been told. OK at once when not started. Unavailable after `within`; then the feed does
  /// not follow until it has been told.
  [[nodiscard]] absl::Status AwaitTold(std::uint64_t revision, absl::Duration within);
  /// Unavailable: no word for too long, or the watch is behind. DataLoss: a record that cannot be understood came by.
  [[nodiscard]] absl::Status Following() const;

 private:
  void Run();
  absl::Status CatchUp();
  void Tell(std::span<const EtcdEntry> entries);
  void Heard(std::uint64_t revision);

  EtcdClient& client_;
  const EtcdKeys& keys_;
  const common::Clock& clock_;
  common::Random& random_;
  absl::Duration most_silence_;
  Store::Listener listener_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t heard_;
  std::uint64_t owed_ = 0;  ///< Known to be there, and not told in time.
  bool watching_ = false;
  bool lost_told_ = false;       ///< The log says that the watch is lost.
  absl::Duration silent_since_;  ///< On Clock::Steady, while not watching.
  absl::Status spoilt_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace henb::keydist::store
