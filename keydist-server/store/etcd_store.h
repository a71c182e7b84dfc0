#pragma once

#include <memory>
#include <string>

#include "common/random.h"
#include "keydist-server/store/etcd_client.h"
#include "keydist-server/store/etcd_codec.h"
#include "keydist-server/store/store.h"

namespace henb::keydist::store {

class EtcdFeed;

/// The store that several replicas share: etcd v3, from 3.4 on. Any thread.
///
/// What must be once is a transaction that compares the key's last revision, so no replica leads. Every change is one
/// put, etcd's revision (and a base, where a move wrote one) is the store's. The listener hears of every replica's
/// changes, on a thread of the store's; a write returns when its own has been told. Reads are linearizable. A destroyed
/// root is overwritten, then etcd's history up to there is compacted away; what members keep in their logs, snapshots
/// and free pages, and backups of them, can be opened with the KEK until etcd itself has overwritten them.
class EtcdStore final : public Store {
 public:
  /// Of the layout of the keys. 2 has the KEK in force in the schema's key.
  static constexpr std::uint32_t kSchema = 2;

  struct Options {
    EtcdEndpoints endpoints;
    std::string prefix = "keydist/";                  ///< Of all keys.
    absl::Duration most_silence = absl::Seconds(10);  ///< Longer without word from etcd, and Following says so.
  };
  /// Brings the layout of an older release forward, once for all replicas; those of that release that run go on.
  /// FailedPrecondition: a newer release's layout. Unavailable: no endpoint answers, or a move or restore into this
  /// store has not ended. The references outlive the store.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<EtcdStore>> Open(Options options, const common::Clock& clock,
                                                                       common::Random& random);
  ~EtcdStore() override;

  absl::StatusOr<std::uint64_t> CreateHenb(const domain::HenbRecord& record) override;
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
  absl::StatusOr<std::vector<domain::ReplicaMark>> ExchangeMarks(const domain::ReplicaMark& own) override;
  absl::Status Following() const override;
  void SetListener(Listener listener) override;

 private:
  EtcdStore(Options options, const common::Clock& clock);
  /// The schema is this release's, or made so. The revision from which on the feed must tell.
  absl::StatusOr<std::uint64_t> Prepare();
  struct Found {
    std::optional<EtcdEntry> entry;
    std::uint64_t revision = 0;  ///< Of the store.
    [[nodiscard]] std::uint64_t seen() const { return entry ? entry->revision : 0; }
  };
  absl::StatusOr<Found> Find(const std::string& key);
  /// The schema's key as it is now.
  absl::StatusOr<EtcdSchema> FindSchema(std::uint64_t* seen);
  /// PutIf, and the listener has heard.
  absl::StatusOr<std::uint64_t> Put(const std::string& key, std::uint64_t seen, const std::string& value);
  /// Returns when the listener has heard of it.
  absl::StatusOr<std::uint64_t> Told(absl::StatusOr<std::uint64_t> revision);
  /// Page by page under `prefix`, all at revision `at` (0: the newest): the revision that was read.
  absl::StatusOr<std::uint64_t> ReadPages(const std::string& prefix, std::uint64_t at,
                                          const std::function<absl::Status(const EtcdEntry&)>& visit);

  /// The store's revision for one of etcd's.
  [[nodiscard]] std::uint64_t Ours(std::uint64_t etcd_revision) const { return base_ + etcd_revision; }
  [[nodiscard]] absl::StatusOr<std::uint64_t> Ours(absl::StatusOr<std::uint64_t> etcd_revision) const {
    if (etcd_revision.ok()) *etcd_revision += base_;
    return etcd_revision;
  }

  EtcdKeys keys_;
  std::uint64_t base_ = 0;
  EtcdClient client_;
  std::unique_ptr<EtcdFeed> feed_;
};

}  // namespace henb::keydist::store
