#pragma once

#include <map>
#include <mutex>

#include "keydist-server/store/store.h"

namespace henb::keydist::store {

/// Forgets everything when it ends: for tests and benches. Any thread.
class MemoryStore : public Store {
 public:
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
  void SetListener(Listener listener) override;

 private:
  std::uint64_t Tell(decltype(Change::what) what);
  std::mutex mutex_;
  std::map<common::HenbId, domain::HenbRecord> henbs_;
  std::map<domain::PairId, domain::PairRule> rules_;
  std::map<std::uint64_t, StoredEpoch> epochs_;
  std::optional<StoredKek> kek_;
  std::uint64_t revision_ = 0;
  Listener listener_;
};

}  // namespace henb::keydist::store
