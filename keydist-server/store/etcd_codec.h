// How the store's values lie in etcd: keys under one prefix, values as henb/keydist/v1/stored.proto. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keydist-server/store/store.h"

namespace henb::keydist::store {

/// Keys below `prefix`: henb/<id>, pair/<lower> <higher>, epoch/<number, 20 digits>, replica/<name>, schema. Their
/// order in etcd is the order that Store promises.
class EtcdKeys {
 public:
  explicit EtcdKeys(std::string prefix) : prefix_(std::move(prefix)) {}
  [[nodiscard]] std::string Schema() const { return prefix_ + "schema"; }
  [[nodiscard]] std::string Henb(const common::HenbId& id) const { return Henbs() + id.str(); }
  [[nodiscard]] std::string Pair(const domain::PairId& pair) const;
  [[nodiscard]] std::string Epoch(std::uint64_t number) const;
  [[nodiscard]] std::string Henbs() const { return prefix_ + "henb/"; }
  [[nodiscard]] std::string Pairs() const { return prefix_ + "pair/"; }
  [[nodiscard]] std::string Epochs() const { return prefix_ + "epoch/"; }
  [[nodiscard]] std::string Replicas() const { return prefix_ + "replica/"; }
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
};

[[nodiscard]] std::string EncodeHenb(const domain::HenbRecord& record);
[[nodiscard]] std::string EncodePairRule(domain::PairRule rule);
[[nodiscard]] std::string EncodeEpoch(const StoredEpoch& epoch);
[[nodiscard]] std::string EncodeMark(const domain::ReplicaMark& mark);
/// What the schema's key says.
struct EtcdSchema {
  std::uint32_t version = 0;
  std::uint64_t filling = 0;        ///< Not 0: a move or restore has not ended, nobody may serve.
  std::uint64_t filled_by = 0;      ///< Which one did.
  std::uint64_t revision_base = 0;  ///< The store's revision is etcd's and this.
  std::optional<StoredKek> kek{};   ///< In force.
};
[[nodiscard]] std::string EncodeSchema(const EtcdSchema& schema);

/// DataLoss names the key: not one of `keys`, or a value that does not fit it.
[[nodiscard]] absl::StatusOr<domain::HenbRecord> DecodeHenb(const EtcdKeys& keys, std::string_view key,
                                                            const std::string& value);
[[nodiscard]] absl::StatusOr<PairException> DecodePair(const EtcdKeys& keys, std::string_view key,
                                                       const std::string& value);
[[nodiscard]] absl::StatusOr<StoredEpoch> DecodeEpoch(const EtcdKeys& keys, std::string_view key,
                                                      const std::string& value);
[[nodiscard]] absl::StatusOr<domain::ReplicaMark> DecodeMark(const EtcdKeys& keys, std::string_view key,
                                                             const std::string& value);
[[nodiscard]] absl::StatusOr<EtcdSchema> DecodeSchema(const std::string& value);

/// A key and its new value as a change; none for the schema's key and a replica's mark.
[[nodiscard]] absl::StatusOr<std::optional<Change>> DecodeChange(const EtcdKeys& keys, std::string_view key,
                                                                 const std::string& value, std::uint64_t revision);

}  // namespace henb::keydist::store
