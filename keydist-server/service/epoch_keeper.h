// Makes epochs, opens their roots, destroys them in time (R45, R49); seals them under another KEK on demand.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "common/random.h"
#include "keydist-server/domain/epoch.h"
#include "keydist-server/domain/pair_key.h"
#include "keydist-server/domain/root_sealer.h"
#include "keydist-server/store/store.h"

namespace henb::keydist::service {

/// The epochs that keys are handed out for.
struct ActiveEpochs {
  struct One {
    domain::EpochSpan span;
    std::shared_ptr<const domain::EpochKeys> keys;
  };
  std::optional<One> current;
  std::optional<One> next;

  /// At `now`: the next one is current from its activation on, whenever the keeper's tick comes.
  struct Pick {
    const One* current = nullptr;  ///< Null: none yet, or it has expired.
    const One* next = nullptr;
  };
  [[nodiscard]] Pick At(absl::Time now) const;
};

/// Any thread; Tick and Advance take turns.
class EpochKeeper {
 public:
  EpochKeeper(store::Store& store, domain::RootSealer sealer, common::Random& random, domain::EpochSchedule schedule)
      : store_(store), sealer_(std::move(sealer)), random_(random), schedule_(schedule) {}

  /// Sees to it that a KEK is in force and at hand, before the first Tick: where none is yet, the one that the roots
  /// are sealed under, or else the wanted one. FailedPrecondition says which one is missing.
  [[nodiscard]] absl::Status PrepareKek(absl::Time now);
  /// Does what is due: makes the next epoch, opens roots, destroys old ones. Errors of the store, or of a root that
  /// does not open; what was active stays active. Call at the start and every second. `may_keep` false: nothing is made
  /// and nothing destroyed by this clock.
  [[nodiscard]] absl::Status Tick(absl::Time now, bool may_keep = true);
  /// Makes the next epoch now, active in `activate_in`. FailedPrecondition when one is announced already.
  [[nodiscard]] absl::Status Advance(absl::Time now, absl::Duration activate_in);

  /// Never null.
  [[nodiscard]] std::shared_ptr<const ActiveEpochs> active() const;
  [[nodiscard]] const domain::EpochSchedule& schedule() const { return schedule_; }
  [[nodiscard]] absl::Status health() const;
  /// FailedPrecondition: the KEK in force is not among them.
  [[nodiscard]] absl::Status CheckKeks(const domain::RootSealer& keks);
  /// The same, and from now on these are at hand.
  [[nodiscard]] absl::Status UseKeks(domain::RootSealer keks);
  [[nodiscard]] domain::RootSealer keks() const;
  struct Rotated {
    std::string from;  ///< Ids.
    std::string to;
    std::size_t roots = 0;
  };
  /// Puts the wanted KEK in force and seals every root anew under it, in one write; keys that are handed out do not
  /// change. May be repeated.
  [[nodiscard]] absl::StatusOr<Rotated> RotateKek(absl::Time now);

  struct Listed {
    domain::EpochSpan span;
    std::string_view state;  ///< "CURRENT", "NEXT", "GRACE", "DESTROYED".
  };
  [[nodiscard]] absl::StatusOr<std::vector<Listed>> List(absl::Time now);

 private:
  absl::Status TickLocked(absl::Time now, bool may_keep);
  absl::StatusOr<store::StoredKek> InForce();
  absl::Status Create(const domain::EpochMark& mark);
  absl::StatusOr<ActiveEpochs::One> Opened(const domain::EpochSpan& span,
                                           const std::vector<store::StoredEpoch>& stored);

  store::Store& store_;
  domain::RootSealer sealer_;  ///< Under both mutexes when it is replaced.
  common::Random& random_;
  domain::EpochSchedule schedule_;
  std::mutex tick_mutex_;
  std::uint64_t served_ = 0;  ///< Highest epoch that was current.
  mutable std::mutex mutex_;  ///< Held for a pointer's copy only.
  std::shared_ptr<const ActiveEpochs> active_ = std::make_shared<ActiveEpochs>();
  absl::Status health_;
};

}  // namespace henb::keydist::service
