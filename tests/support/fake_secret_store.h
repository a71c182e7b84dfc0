// PSKs in memory: the fake of SecretStore.
#pragma once

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "henb-x2sec/core/ports/secret_store.h"

namespace henb::tests {

/// Behaves as SecretFile does (tests/conformance/secret_store runs on both). Any thread.
class FakeSecretStore final : public x2sec::core::SecretStore {
 public:
  absl::Status Put(const common::HenbId& local, const common::HenbId& peer, const common::SecretBytes& key) override {
    const std::lock_guard lock(mutex_);
    if (!next_error_.ok()) return std::exchange(next_error_, absl::OkStatus());
    if (local.empty() || peer.empty() || local == peer) return absl::InvalidArgumentError("two different identities");
    if (key.size() < 16 || key.size() > 64) return absl::InvalidArgumentError("a secret of 16 to 64 octets");
    keys_.insert_or_assign({local, peer}, key.Clone());
    return absl::OkStatus();
  }
  absl::Status Remove(const common::HenbId& local, const common::HenbId& peer) override {
    const std::lock_guard lock(mutex_);
    if (!next_error_.ok()) return std::exchange(next_error_, absl::OkStatus());
    keys_.erase({local, peer});
    return absl::OkStatus();
  }
  bool Has(const common::HenbId& local, const common::HenbId& peer) const override {
    const std::lock_guard lock(mutex_);
    return keys_.contains({local, peer});
  }
  std::vector<x2sec::core::SecretPair> Pairs() const override {
    const std::lock_guard lock(mutex_);
    std::vector<x2sec::core::SecretPair> pairs;
    for (const auto& [pair, key] : keys_) pairs.push_back(pair);
    return pairs;
  }

  /// What a daemon reads: a copy of everything.
  [[nodiscard]] std::map<x2sec::core::SecretPair, common::SecretBytes> Copy() const {
    const std::lock_guard lock(mutex_);
    std::map<x2sec::core::SecretPair, common::SecretBytes> copy;
    for (const auto& [pair, key] : keys_) copy.emplace(pair, key.Clone());
    return copy;
  }
  /// The next change fails with `error` and changes nothing.
  void FailNext(absl::Status error) {
    const std::lock_guard lock(mutex_);
    next_error_ = std::move(error);
  }

 private:
  mutable std::mutex mutex_;
  std::map<x2sec::core::SecretPair, common::SecretBytes> keys_;
  absl::Status next_error_;
};

}  // namespace henb::tests
