// Fills an etcd that holds no service yet: for a move and for a restore.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keydist-server/store/etcd_store.h"

namespace henb::keydist::store {

/// Everything that a service keeps, as etcd's keys and values, in order of the key.
using EtcdContent = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] EtcdContent ContentOf(const EtcdKeys& keys, std::span<const domain::HenbRecord> henbs,
                                    std::span<const PairException> pairs, std::span<const StoredEpoch> epochs);

/// From Begin to Finish nobody can open this store as an EtcdStore; whatever breaks off between them is taken up by
/// another Begin of the same id. One thread.
class EtcdFiller {
 public:
  /// Begins, or goes on with what `id` (not 0) has begun; `may_begin` false: only goes on. FailedPrecondition: a
  /// service is there, or another move or restore has begun, or none where one is to go on. Unavailable.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<EtcdFiller>> Begin(EtcdStore::Options options, std::uint64_t id,
                                                                         bool may_begin, const common::Clock& clock);

  [[nodiscard]] const EtcdKeys& keys() const { return keys_; }
  /// An earlier one of the same id came to its end.
  [[nodiscard]] bool finished() const { return finished_; }
  /// Makes etcd hold `content`: writes what is not there like this. May be repeated with other content. Aborted:
  /// somebody else is at it.
  [[nodiscard]] absl::Status Fill(EtcdContent content);
  /// Opens the store, its revision above `revision`, the roots sealed under `kek`.
  [[nodiscard]] absl::Status Finish(std::uint64_t revision, const std::optional<StoredKek>& kek = std::nullopt);

 private:
  EtcdFiller(EtcdStore::Options options, std::uint64_t id, const common::Clock& clock);
  absl::StatusOr<EtcdContent> Read();
  absl::Status Write(std::span<const std::pair<std::string, std::string>> entries);

  EtcdKeys keys_;
  EtcdClient client_;
  std::uint64_t id_;
  std::uint64_t mark_ = 0;  ///< etcd's revision of the schema's key: what is written is written under it.
  bool finished_ = false;
  bool read_ = false;
  EtcdContent there_;
};

}  // namespace henb::keydist::store
