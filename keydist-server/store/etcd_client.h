// etcd v3 over gRPC: the few calls that the store needs, with deadlines and another endpoint when one does not answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/secret_bytes.h"

namespace henb::keydist::store {

/// Where etcd is and who we are there. TLS with a client certificate always.
struct EtcdEndpoints {
  std::vector<std::string> addresses;  ///< "host:port"; the host must be in the member's certificate.
  std::string ca_pem;
  std::string certificate_pem;
  common::SecretBytes key_pem;
  absl::Duration deadline = absl::Seconds(2);  ///< Of one call at one endpoint.
};

struct EtcdEntry {
  std::string key;
  std::string value;
  std::uint64_t revision = 0;  ///< Of its last change.
  bool deleted = false;        ///< Watch only.
};

struct EtcdQuery {
  std::string key{};
  std::string end{};               ///< Empty: `key` alone.
  std::uint64_t at_revision = 0;   ///< 0: the newest.
  std::uint64_t changed_from = 0;  ///< Not 0: only what changed at this revision or later, in order of revision.
  std::uint64_t limit = 0;         ///< 0: all.
};

struct EtcdAnswer {
  std::vector<EtcdEntry> entries;
  std::uint64_t revision = 0;  ///< Of the whole of etcd.
  bool more = false;
};

/// The end of the range of all keys that begin with `prefix`; its last octet must be below 0xFF.
[[nodiscard]] std::string EndOfPrefix(std::string prefix);

/// Any thread. Errors: Unavailable names the endpoint; OutOfRange: that revision's history has been compacted.
class EtcdClient {
 public:
  EtcdClient(EtcdEndpoints endpoints, const common::Clock& clock);
  ~EtcdClient();
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  /// Linearizable: sees every write that had succeeded before. Tries every endpoint once.
  [[nodiscard]] absl::StatusOr<EtcdAnswer> Range(const EtcdQuery& query);
  /// Puts `value` when the key's last change is `seen` (0: there is no such key): the revision. Aborted when it is not.
  /// One endpoint only: after Unavailable the value may have been put all the same, and a second try would not know.
  [[nodiscard]] absl::StatusOr<std::uint64_t> PutIf(const std::string& key, std::uint64_t seen,
                                                    const std::string& value);
  /// The same of many keys at once, at most kMostPuts, when `guard`'s last change is `seen`. Repeating it does no harm.
  static constexpr std::size_t kMostPuts = 100;
  [[nodiscard]] absl::StatusOr<std::uint64_t> PutAllIf(const std::string& guard, std::uint64_t seen,
                                                       std::span<const std::pair<std::string, std::string>> entries);
  /// The same when every one of `seen` (a key and its last change) is so.
  using Seen = std::vector<std::pair<std::string, std::uint64_t>>;
  [[nodiscard]] absl::StatusOr<std::uint64_t> PutWhen(const Seen& seen,
                                                      std::span<const std::pair<std::string, std::string>> entries);
  /// Drops what the history holds from before `revision`. OK when that has been done.
  [[nodiscard]] absl::Status Compact(std::uint64_t revision);

  using OnEvents = std::function<void(std::span<const EtcdEntry>)>;
  /// Blocks: calls `on_events` for what changes under `prefix` from revision `from` on, at first with none when the
  /// watch stands. Ends with an error: the endpoint is lost or has no leader, a call had to go to another endpoint,
  /// OutOfRange, or Cancelled by StopWatching. One at a time.
  [[nodiscard]] absl::Status Watch(const std::string& prefix, std::uint64_t from, const OnEvents& on_events);
  /// Ends Watch for good.
  void StopWatching();

  /// Clock::Steady of the last linearizable answer; zero before the first.
  [[nodiscard]] absl::Duration answered_at() const { return absl::Nanoseconds(answered_ns_.load()); }

 private:
  struct Endpoint;
  struct WatchCall;
  Endpoint& Current(std::size_t* index);
  void MoveOn(std::size_t from);

  const common::Clock& clock_;
  absl::Duration deadline_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::atomic<std::int64_t> answered_ns_{0};
  std::mutex mutex_;
  std::size_t current_ = 0;
  WatchCall* watch_ = nullptr;  ///< In progress.
  bool stopped_ = false;
};

}  // namespace henb::keydist::store
