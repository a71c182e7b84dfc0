// One Watch stream.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <set>

#include "common/random.h"
#include "henb/keydist/v1/keydist.pb.h"
#include "keydist-server/service/call_quota.h"
#include "keydist-server/service/event_hub.h"

namespace henb::keydist::rpc {

class WatchStream;

/// The open streams, so that a server that drains can end them. Outlives them. Any thread.
class WatchStreams {
 public:
  /// Ends all with Unavailable; streams that open later are ended at once. Each is told when to come back (trailing
  /// metadata "grpc-retry-pushback-ms"), at random within a time that grows with their number, so that the next server
  /// is not asked for all handshakes at once. `random` outlives this.
  void Close(common::Random& random);
  /// How often a reader was so far behind that its events became one ResyncRequired.
  [[nodiscard]] std::uint64_t overflows() const { return overflows_.load(std::memory_order_relaxed); }

 private:
  friend class WatchStream;
  static constexpr absl::Duration kForEach = absl::Milliseconds(5);  ///< 200 handshakes a second.
  static constexpr absl::Duration kAtLeast = absl::Seconds(1);
  void SendAway(WatchStream* stream);  ///< With the lock.
  std::mutex mutex_;
  std::set<WatchStream*> open_;
  common::Random* closed_by_ = nullptr;  ///< Set once they are closed.
  absl::Duration spread_;
  std::atomic<std::uint64_t> overflows_{0};
};

/// Writes one HeNB's events, one at a time. A reader that is behind by kMaxQueued events gets one ResyncRequired
/// instead of them. Owns itself: gRPC's OnDone deletes it.
class WatchStream final : public grpc::ServerWriteReactor<v1::Event>, public service::Watcher {
 public:
  static constexpr std::size_t kMaxQueued = 256;

  WatchStream(grpc::CallbackServerContext* context, service::EventHub& hub, WatchStreams& streams)
      : context_(context), hub_(hub), streams_(streams) {}
  /// Keeps the caller's slot until the stream has ended.
  void Hold(service::CallQuota::Slot slot) { slot_ = std::move(slot); }
  /// Call once, before the reactor is handed to gRPC.
  void Start(const common::HenbId& who, std::uint64_t after_revision);
  void Deliver(const service::WatchEvent& event) override;
  void End(const grpc::Status& status);
  /// The same, with the time after which to come back.
  void EndFor(absl::Duration time, const grpc::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override;

 private:
  void WriteNext();  ///< With the lock.
  grpc::CallbackServerContext* context_;
  service::EventHub& hub_;
  WatchStreams& streams_;
  service::CallQuota::Slot slot_;
  std::mutex mutex_;
  std::deque<service::WatchEvent> queue_;
  v1::Event writing_;
  bool busy_ = false;
  bool last_ = false;  ///< What is being written ends the stream.
  bool ended_ = false;
};

}  // namespace henb::keydist::rpc
