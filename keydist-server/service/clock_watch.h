// Looks at the other replicas: keeps one whose calendar is off from doing harm (R45, R49), knows who has which KEK.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "common/clock.h"
#include "common/random.h"
#include "keydist-server/domain/replica_clocks.h"
#include "keydist-server/store/store.h"

namespace henb::keydist::service {

/// Any thread; Tick one at a time. The references outlive it.
class ClockWatch {
 public:
  ClockWatch(store::Store& store, const common::Clock& clock, common::Random& random, std::string replica);

  /// Leaves this replica's mark and looks at the others', when it is time. Call at the start and every second.
  void Tick();
  /// Ids of the KEKs that this replica has, for its marks from now on.
  void SetKeks(std::vector<std::string> ids);
  /// The other replicas that are there, as they last said.
  [[nodiscard]] std::vector<domain::ReplicaMark> others() const;
  /// The same, of a look that began after the call: whoever hands out keys at the time of the call is among them. Waits
  /// for Tick, kMarkEvery and a little; Unavailable: the store did not answer it in time.
  [[nodiscard]] absl::StatusOr<std::vector<domain::ReplicaMark>> OthersNow() const;
  /// OK: `now`, just read, may decide when an epoch begins and ends. Else Unavailable says what is wrong with the
  /// clock: also that it has jumped since the last look.
  [[nodiscard]] absl::Status MayKeepEpochs(absl::Time now) const;
  /// OK: keys may go out by it. Cheap.
  [[nodiscard]] absl::Status MayIssue(absl::Time now) const;
  /// MayKeepEpochs, or FailedPrecondition: another replica has this one's name.
  [[nodiscard]] absl::Status health() const;

 private:
  [[nodiscard]] domain::ClockVerdict VerdictOn(absl::Time now) const;
  [[nodiscard]] domain::ReplicaMark OwnMark() const;
  const std::string name_;
  const std::uint64_t instance_;
  store::Store& store_;
  const common::Clock& clock_;
  domain::ReplicaClocks clocks_;  ///< Tick only.
  absl::Duration next_ = -absl::InfiniteDuration();
  std::atomic<domain::ClockVerdict> verdict_{domain::ClockVerdict::kSettling};
  std::atomic<bool> name_is_taken_{false};
  std::atomic<bool> shared_{false};           ///< There are others to compare with.
  std::atomic<std::int64_t> calendar_ns_{0};  ///< The calendar less the steady clock, at the last look.
  mutable std::mutex mutex_;
  mutable std::condition_variable looked_;
  absl::Duration looked_at_ = -absl::InfiniteDuration();  ///< Steady time at which the last look began.
  std::vector<std::string> keks_;
  std::vector<domain::ReplicaMark> others_;
};

}  // namespace henb::keydist::service
