// A key service in memory: the fake of KeyService.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "henb-x2sec/core/ports/key_service.h"

namespace henb::tests {

/// Answers for every peer with keys made of epoch, generations and the peer's name. Any thread.
class FakeKeyService final : public x2sec::core::KeyService {
 public:
  /// What it says of one peer, or of all that nothing else was said of.
  struct Offer {
    std::uint64_t epoch = 1;
    std::uint32_t generation_local = 1;
    std::uint32_t generation_peer = 1;
    absl::Duration expire_in = absl::Hours(24);
    std::optional<absl::Duration> next_in = std::nullopt;  ///< Epoch + 1 is told ahead, to be used then.
    std::optional<x2sec::core::KeyDenial> denial = std::nullopt;
    std::optional<x2sec::core::PeerFacts> facts = std::nullopt;
    std::uint8_t salt = 0;  ///< Other octets for the same version.
    absl::Status refused;   ///< Not OK: the client has refused what was answered.
  };

  absl::StatusOr<x2sec::core::RegisterResult> Register(const x2sec::core::RegisterFacts& facts) override {
    const std::lock_guard lock(mutex_);
    registrations_.push_back(facts);
    if (!error_.ok()) return error_;
    return x2sec::core::RegisterResult{.henb_id = "henb-a.example", .lease = absl::Hours(1), .generation = 1};
  }
  absl::StatusOr<std::vector<x2sec::core::PairResult>> GetPairKeys(const std::vector<common::HenbId>& peers) override {
    const std::lock_guard lock(mutex_);
    calls_.push_back(peers);
    if (!error_.ok()) return error_;
    if (peers.size() > 64) return absl::InvalidArgumentError("peers: more than 64");
    std::vector<x2sec::core::PairResult> results;
    for (const common::HenbId& peer : peers) {
      if (const auto once = once_.find(peer); once != once_.end()) {
        results.push_back(Answer(peer, once->second));
        once_.erase(once);
        continue;
      }
      const auto it = offers_.find(peer);
      results.push_back(Answer(peer, it == offers_.end() ? everybody_ : it->second));
    }
    return results;
  }
  void StartWatch(EventSink sink) override {
    const std::lock_guard lock(mutex_);
    sink_ = std::move(sink);
    ++watches_started_;
  }
  void StopWatch() override {
    const std::lock_guard lock(mutex_);
    sink_ = nullptr;
  }

  [[nodiscard]] static common::SecretBytes KeyOf(const common::HenbId& peer, const Offer& offer) {
    common::SecretBytes key(32);
    key.data()[0] = static_cast<std::uint8_t>(offer.epoch);
    key.data()[1] = static_cast<std::uint8_t>(offer.generation_local);
    key.data()[2] = static_cast<std::uint8_t>(offer.generation_peer);
    key.data()[3] = offer.salt;
    std::copy_n(peer.str().begin(), std::min<std::size_t>(peer.str().size(), 28), key.data() + 4);
    return key;
  }

  void Say(const common::HenbId& peer, Offer offer) {
    const std::lock_guard lock(mutex_);
    offers_.insert_or_assign(peer, std::move(offer));
  }
  /// Its next answer about this peer only.
  void SayOnce(const common::HenbId& peer, Offer offer) {
    const std::lock_guard lock(mutex_);
    once_.insert_or_assign(peer, std::move(offer));
  }
  void SayOfEverybody(Offer offer) {
    const std::lock_guard lock(mutex_);
    everybody_ = std::move(offer);
  }
  /// Every call fails so until it is OK again.
  void Fail(absl::Status error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  /// As the watch would bring it; nothing while nobody watches.
  void Tell(x2sec::core::KeyServiceEvent event) {
    const EventSink sink = Sink();
    if (sink) sink(std::move(event));
  }
  [[nodiscard]] std::size_t registrations() const {
    const std::lock_guard lock(mutex_);
    return registrations_.size();
  }
  [[nodiscard]] std::vector<std::vector<common::HenbId>> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  [[nodiscard]] bool watching() const { return Sink() != nullptr; }
  [[nodiscard]] int watches_started() const {
    const std::lock_guard lock(mutex_);
    return watches_started_;
  }

 private:
  [[nodiscard]] EventSink Sink() const {
    const std::lock_guard lock(mutex_);
    return sink_;
  }
  static x2sec::core::PairKey Key(const common::HenbId& peer, const Offer& offer, absl::Duration activate_in) {
    return {.epoch = offer.epoch,
            .generation_local = offer.generation_local,
            .generation_peer = offer.generation_peer,
            .key = KeyOf(peer, offer),
            .activate_in = activate_in,
            .expire_in = offer.expire_in};
  }
  static x2sec::core::PairResult Answer(const common::HenbId& peer, const Offer& offer) {
    if (!offer.refused.ok()) return {.peer = peer, .result = offer.refused};
    if (offer.denial) return {.peer = peer, .result = *offer.denial};
    x2sec::core::PairKeys keys{
        .current = Key(peer, offer, absl::ZeroDuration()), .next = std::nullopt, .peer_facts = offer.facts};
    if (offer.next_in) {
      Offer next = offer;
      ++next.epoch;
      next.expire_in = offer.expire_in * 2;
      keys.next = Key(peer, next, *offer.next_in);
    }
    return {.peer = peer, .result = std::move(keys)};
  }

  mutable std::mutex mutex_;
  absl::Status error_;
  Offer everybody_;
  std::map<common::HenbId, Offer> offers_;
  std::map<common::HenbId, Offer> once_;
  std::vector<x2sec::core::RegisterFacts> registrations_;
  std::vector<std::vector<common::HenbId>> calls_;
  EventSink sink_;
  int watches_started_ = 0;
};

}  // namespace henb::tests
