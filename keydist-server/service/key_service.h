// What HeNBs ask, answered in values: the handler of gRPC is a thin coat around this.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "keydist-server/service/clock_watch.h"
#include "keydist-server/service/directory.h"
#include "keydist-server/service/epoch_keeper.h"
#include "keydist-server/service/event_hub.h"
#include "keydist-server/service/refusals.h"
#include "keydist-server/store/audit_log.h"

namespace henb::keydist::service {

constexpr std::size_t kMaxPeers = 64;
constexpr std::size_t kMaxAddresses = 16;

struct ServiceOptions {
  domain::EpochSchedule schedule;
  absl::Duration lease = absl::Minutes(10);
  std::string replica = "only";  ///< Tells apart those that share a store.
};

/// The decision about one GetPairKeys call. Its owner writes the keys while the audit record becomes durable, and lets
/// the answer go in `done` only.
struct Decision {
  CallerView caller;
  std::array<PeerView, kMaxPeers> peers;
  std::shared_ptr<const ActiveEpochs> epochs;
  ActiveEpochs::Pick pick;  ///< Into epochs.
  absl::Time now;
};

struct Registered {
  absl::Duration lease;
  std::uint32_t generation = 0;
};

/// Owns directory, epochs and events. Any thread.
class KeyService {
 public:
  /// The references outlive the service.
  KeyService(store::Store& store, store::AuditLog& audit, const common::Clock& clock, common::Random& random,
             domain::RootSealer sealer, const ServiceOptions& options);
  ~KeyService();
  KeyService(const KeyService&) = delete;
  KeyService& operator=(const KeyService&) = delete;

  /// Reads the store and makes the first epoch. FailedPrecondition: the KEK in force is not at hand.
  [[nodiscard]] absl::Status Start();
  /// From now on these KEKs are at hand. FailedPrecondition: the one in force is not among them; all stays as it was.
  [[nodiscard]] absl::Status UseKeks(domain::RootSealer keks);
  /// What is due: epochs, leases, the comparison of clocks. Every second. Not OK: something keeps keys from going out.
  [[nodiscard]] absl::Status Tick();

  /// PermissionDenied: unknown or suspended. Unavailable: the store does not follow. InvalidArgument: too many or
  /// malformed addresses, anchors, boot id.
  [[nodiscard]] absl::StatusOr<Registered> Register(const CallerIdentity& caller, Registration facts);

  /// Decides about `peers` (at most kMaxPeers, which the caller has checked). PermissionDenied: the caller is unknown
  /// or suspended. Unavailable: no epoch, the store does not follow other replicas' changes, or this one's clock is
  /// off. Writes `decision` when OK. Whatever the result, RecordDecision must follow.
  [[nodiscard]] absl::Status Decide(const CallerIdentity& caller, std::span<const std::string_view> peers,
                                    Decision* decision) const;
  /// Makes the audit record and calls `done` when it is durable or cannot be (see AuditLog::Append). `peers` may die
  /// before.
  void RecordDecision(const CallerIdentity& caller, std::span<const std::string_view> peers, domain::Purpose purpose,
                      const absl::Status& verdict, const Decision& decision, store::AuditLog::Done done);
  /// For calls that hand out nothing: notes that an unknown or suspended caller was refused, or could not be served.
  void RecordRefusal(const CallerIdentity& caller, std::string_view call, const absl::Status& verdict);
  /// PermissionDenied, or Unavailable: the store does not follow.
  [[nodiscard]] absl::Status CheckCaller(const CallerIdentity& caller) const;

  [[nodiscard]] Directory& directory() { return directory_; }
  [[nodiscard]] EpochKeeper& epochs() { return epochs_; }
  [[nodiscard]] const ClockWatch& clocks() const { return clocks_; }
  /// Whether the store can be read, and took a write when it was last tried.
  [[nodiscard]] absl::Status store_health();
  [[nodiscard]] EventHub& events() { return *events_; }
  [[nodiscard]] store::AuditLog& audit() { return audit_; }
  [[nodiscard]] store::Store& store() { return store_; }
  [[nodiscard]] const common::Clock& clock() const { return clock_; }
  [[nodiscard]] std::uint64_t keys_issued() const { return keys_issued_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t denials() const { return denials_.load(std::memory_order_relaxed); }
  /// The edge says that a call has reached it.
  void NoteCall() { calls_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  /// Also for what the edge refuses before it asks the service.
  [[nodiscard]] RefusalCounts& refusals() { return refusals_; }

 private:
  /// A disk that takes no writes is seen before an operator or an epoch needs it.
  void CheckStore();
  /// While no record can be written, tries one that says so: nobody may ask for a key meanwhile.
  void CheckAudit();
  /// What a caller is told; a refusal is none while others' changes may be unknown.
  [[nodiscard]] absl::Status Verdict(const CallerView& caller) const;

  store::Store& store_;
  store::AuditLog& audit_;
  const common::Clock& clock_;
  ServiceOptions options_;
  Directory directory_;
  EpochKeeper epochs_;
  ClockWatch clocks_;
  std::unique_ptr<EventHub> events_;
  std::atomic<std::uint64_t> keys_issued_{0};
  std::atomic<std::uint64_t> denials_{0};
  std::atomic<std::uint64_t> calls_{0};
  RefusalCounts refusals_;
  absl::Duration store_check_due_;  ///< On Clock::Steady; Tick only, as is the next.
  absl::Duration audit_check_due_;
  std::mutex mutex_;
  absl::Status writable_;
};

}  // namespace henb::keydist::service
