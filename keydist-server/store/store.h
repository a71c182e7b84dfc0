// The port to durable state. Small on purpose: a backend is these calls and the conformance suite (tests/conformance).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keydist-server/domain/epoch.h"
#include "keydist-server/domain/henb_record.h"
#include "keydist-server/domain/kek.h"
#include "keydist-server/domain/replica_clocks.h"

namespace henb::keydist::store {

/// An epoch as stored. `sealed` is empty once the root has been destroyed; the number stays as the high-water mark.
struct StoredEpoch {
  std::uint64_t number = 0;
  absl::Time activates;  ///< Kept to the microsecond.
  std::string sealed;
  friend bool operator==(const StoredEpoch&, const StoredEpoch&) = default;
};

/// The KEK in force: what seals the roots. `id` has domain::kKekIdSize octets.
struct StoredKek {
  std::string id;
  absl::Time since;  ///< Kept to the microsecond.
  friend bool operator==(const StoredKek&, const StoredKek&) = default;
};

/// A root sealed anew.
struct ResealedRoot {
  std::uint64_t epoch = 0;
  std::string before;
  std::string after;
};

struct PairException {
  domain::PairId pair;
  domain::PairRule rule = domain::PairRule::kNone;
};

/// What a write changed. Revisions are those of the whole store; each write that changes something takes the next one.
struct Change {
  std::uint64_t revision = 0;
  std::variant<domain::HenbRecord, PairException, domain::EpochMark> what;
};

/// Implementations may be called from any thread; a call blocks until it is durable. Errors: Unavailable or DataLoss
/// when the backend fails (nothing changed, or the next read tells), and those that a call names.
class Store {
 public:
  using Listener = std::function<void(const Change&)>;
  using HenbVisitor = std::function<void(domain::HenbRecord)>;
  using PairVisitor = std::function<void(PairException)>;
  virtual ~Store() = default;

  /// AlreadyExists when a record of that id is there, also a removed one.
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> CreateHenb(const domain::HenbRecord& record) = 0;
  /// CreateHenb for each of `records`, with its status in the same place; a backend that can does it in one write. An
  /// error: none was created, or only some of the first by a backend that cannot.
  [[nodiscard]] virtual absl::StatusOr<std::vector<absl::Status>> CreateHenbs(
      const std::vector<domain::HenbRecord>& records);
  /// Replaces `before` by `after` (same id). Aborted when the record is no longer `before`: read again and decide anew.
  /// NotFound when there is none. `before` == `after` changes nothing and takes no revision.
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> UpdateHenb(const domain::HenbRecord& before,
                                                                 const domain::HenbRecord& after) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::optional<domain::HenbRecord>> FindHenb(const common::HenbId& id) = 0;
  /// Every record in order of id, removed ones too, then every exception in order of the pair, never kNone; all as they
  /// were at one revision, which is returned. Aborted half-way: read again from the beginning.
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> ReadAll(const HenbVisitor& henb, const PairVisitor& pair) = 0;

  /// kNone takes the exception away.
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> SetPairRule(const domain::PairId& pair,
                                                                  domain::PairRule rule) = 0;

  /// Compare-and-create: AlreadyExists when the number is there (its root is the one to use); FailedPrecondition unless
  /// it is one above the highest ever created. Aborted: sealed under another KEK than the one in force.
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> CreateEpoch(const StoredEpoch& epoch) = 0;
  /// Empties `sealed` for good, also in the backend's own leftovers as far as it can. Repeating it is OK. NotFound.
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> DestroyEpochRoot(std::uint64_t number) = 0;
  /// In order of number.
  [[nodiscard]] virtual absl::StatusOr<std::vector<StoredEpoch>> Epochs() = 0;

  /// None before the first SetKek.
  [[nodiscard]] virtual absl::StatusOr<std::optional<StoredKek>> KekInForce() = 0;
  /// From now on `after` is in force, and `roots`, which are all that have not been destroyed, are sealed anew: in one
  /// write, and what was sealed before is gone as a destroyed root is. Aborted when `before` is not in force or the
  /// roots are others: read again. Not a change that listeners hear of.
  [[nodiscard]] virtual absl::Status SetKek(const std::optional<StoredKek>& before, const StoredKek& after,
                                            const std::vector<ResealedRoot>& roots) = 0;

  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> Revision() = 0;
  /// Leaves `own` in the place of its name and returns the marks of all replicas as they were before. Takes no notice
  /// of a store with one owner: none. Not a change that listeners hear of.
  [[nodiscard]] virtual absl::StatusOr<std::vector<domain::ReplicaMark>> ExchangeMarks(const domain::ReplicaMark& own) {
    static_cast<void>(own);
    return std::vector<domain::ReplicaMark>();
  }
  /// Not OK when others may have changed what was read or told here, and for seconds no word of it has come: nothing
  /// may be decided by that any more; FailedPrecondition: for good, the service is elsewhere. Cheap.
  [[nodiscard]] virtual absl::Status Following() const { return absl::OkStatus(); }
  /// OK: a write would be taken now. Tries it where nothing else tells; blocks as a write does.
  [[nodiscard]] virtual absl::Status CheckWritable() { return absl::OkStatus(); }
  /// `listener` hears of every change, of other owners' too, after it is durable, in order of revision, on a thread of
  /// the store's or of the writer's; it may hear of changes that ReadAll saw. A write returns when its change has been
  /// told. The listener must not call the store. Set once, before the first write; nullptr at the
  /// end: when it has returned, nothing more is told.
  virtual void SetListener(Listener listener) = 0;
};

/// For backends. `sealed` names `kek`.
[[nodiscard]] bool IsSealedUnder(const StoredKek& kek, std::string_view sealed);
/// `roots` are those of `epochs` that have not been destroyed, as they are, in order.
[[nodiscard]] bool AreTheLiveRoots(const std::vector<StoredEpoch>& epochs, const std::vector<ResealedRoot>& roots);

}  // namespace henb::keydist::store
