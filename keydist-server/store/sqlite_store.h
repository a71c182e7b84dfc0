#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "common/random.h"
#include "common/sqlite/sqlite_database.h"
#include "keydist-server/store/store.h"

namespace henb::keydist::store {

/// The embedded store, the default: one SQLite file, owned by one server. Any thread.
///
/// Losing the file: every HeNB must be registered anew and all keys change. A copy of it together with the KEK opens
/// the roots of epochs that had not been destroyed when the copy was made. Destroyed roots are overwritten in the file
/// (secure_delete) and in the write-ahead log (truncated at once); what the disk itself keeps is out of reach.
class SqliteStore final : public Store {
 public:
  /// Brings the file of an older release forward. Errors as SqliteDatabase::Open and PrepareSqliteSchema.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path);

  /// Writes all of it in one transaction, for a restore; `last_epoch` is there as one whose root has been destroyed.
  /// FailedPrecondition: something is there already.
  [[nodiscard]] absl::Status Fill(const std::vector<domain::HenbRecord>& henbs,
                                  const std::vector<std::pair<domain::PairId, domain::PairRule>>& pairs,
                                  std::uint64_t last_epoch);

  /// For a move to another store (move.h). An id of the move, the same at every attempt.
  [[nodiscard]] absl::StatusOr<std::uint64_t> MoveId(common::Random& random);
  /// While frozen, writes are Unavailable.
  void Freeze(bool frozen);
  /// Durable, and for good: writes are FailedPrecondition, and so is Following, so that no key goes out.
  [[nodiscard]] absl::Status MarkMoved();
  [[nodiscard]] bool moved() const { return moved_; }
  /// Empties every sealed root; the new store has them.
  [[nodiscard]] absl::Status ForgetRoots();

  absl::Status Following() const override;
  absl::Status CheckWritable() override;
  absl::StatusOr<std::uint64_t> CreateHenb(const domain::HenbRecord& record) override;
  absl::StatusOr<std::vector<absl::Status>> CreateHenbs(const std::vector<domain::HenbRecord>& records) override;
  absl::StatusOr<std::uint64_t> UpdateHenb(const domain::HenbRecord& before, const domain::HenbRecord& after) override;
  absl::StatusOr<std::optional<domain::HenbRecord>> FindHenb(const common::HenbId& id) override;
  absl::StatusOr<std::uint64_t> ReadAll(const HenbVisitor& henb, const PairVisitor& pair) override;
  absl::StatusOr<std::uint64_t> SetPairRule(const domain::PairId& pair, domain::PairRule rule) override;
  absl::StatusOr<std::uint64_t> CreateEpoch(const StoredEpoch& epoch) override;
  absl::StatusOr<std::uint64_t> DestroyEpochRoot(std::uint64_t number) override;
  absl::StatusOr<std::vector<StoredEpoch>> Epochs() override;
  absl::StatusOr<std::optional<StoredKek>> KekInForce() override;
  absl::Status SetKek(const std::optional<StoredKek>& before, const StoredKek& after,
                      const std::vector<ResealedRoot>& roots) override;
  absl::StatusOr<std::uint64_t> Revision() override;
  void SetListener(Listener listener) override;

 private:
  explicit SqliteStore(common::SqliteDatabase database) : database_(std::move(database)) {}
  /// A write's transaction, where writes are taken.
  absl::Status Begin(common::SqliteTransaction* transaction);
  absl::Status Insert(const domain::HenbRecord& record);
  absl::StatusOr<std::uint64_t> ReadRevision();
  absl::StatusOr<std::optional<StoredKek>> ReadKek();
  absl::StatusOr<std::vector<StoredEpoch>> ReadEpochs();
  /// What the write-ahead log still holds goes from it too.
  absl::Status CutLog();
  absl::Status ReadHenbs(const HenbVisitor& visit);
  absl::Status ReadPairRules(const PairVisitor& visit);
  absl::StatusOr<std::optional<domain::HenbRecord>> Read(const common::HenbId& id);
  /// Takes the next revision, commits, tells the listener.
  absl::StatusOr<std::uint64_t> Finish(common::SqliteTransaction* transaction, decltype(Change::what) what);

  std::mutex mutex_;
  common::SqliteDatabase database_;
  Listener listener_;
  bool frozen_ = false;
  std::atomic<bool> moved_{false};
};

}  // namespace henb::keydist::store
