// What one HeNB may ask for, so that one that floods does not take the service from the others (R50).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "keydist-server/domain/token_bucket.h"
#include "keydist-server/service/directory.h"

namespace henb::keydist::service {

/// For each HeNB, that is for each (anchor, name): a stranger's certificate does not use up a HeNB's own. x2secd has
/// one call and one stream at a time and asks for its neighbours once an epoch and after a change.
struct QuotaLimits {
  std::int64_t calls_per_second = 64;  ///< Register, Watch: one; GetPairKeys: one for each peer.
  std::int64_t burst = 1024;           ///< At least kMaxPeers, or a full call would never pass.
  std::int64_t concurrent = 16;        ///< GetPairKeys calls that have not ended.
  std::int64_t watches = 8;            ///< Open streams; those of a HeNB that lost its power live until the keepalive.
};

/// Any thread. Callers are spread over locks of their own, each held for one look-up. A caller that has nothing open
/// and whose bucket is full again is forgotten when room is made; 2^20 others are kept at most.
class CallQuota {
  struct Entry;

 public:
  explicit CallQuota(QuotaLimits limits);
  CallQuota(const CallQuota&) = delete;
  CallQuota& operator=(const CallQuota&) = delete;

  /// A call or stream that counts until this dies. Moved from or default: none. Must not outlive the quota.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : open_(std::exchange(other.open_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(open_, other.open_);
      return *this;
    }
    ~Slot() {
      if (open_ != nullptr) open_->fetch_sub(1, std::memory_order_release);
    }

   private:
    friend class CallQuota;
    explicit Slot(std::atomic<std::int64_t>* open) : open_(open) {}
    std::atomic<std::int64_t>* open_ = nullptr;
  };

  struct Admission {
    bool granted = false;
    absl::Duration retry_after;  ///< When not granted.
    std::string_view why;        ///< When not granted: for the caller.
    Slot slot;
  };
  enum class Kind {
    kOnce,   ///< Answered at once: no slot.
    kCall,   ///< The slot is one of `concurrent`.
    kWatch,  ///< The slot is one of `watches`.
  };
  /// Takes `cost` tokens and a slot, or nothing. `now` is Clock::Steady. Refusals are counted and logged, one line a
  /// second at most.
  [[nodiscard]] Admission Admit(const CallerIdentity& caller, Kind kind, std::int64_t cost, absl::Duration now);

  /// What was refused for. kCallers is the bound on all together.
  enum class Limit : std::size_t { kRate, kConcurrent, kWatches, kCallers };
  static constexpr std::array<std::string_view, 4> kLimitNames = {"rate", "concurrent", "watches", "callers"};
  [[nodiscard]] std::array<std::uint64_t, kLimitNames.size()> refused_by_limit() const;
  [[nodiscard]] std::uint64_t refused() const;
  /// Callers that are kept.
  [[nodiscard]] std::size_t callers();

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kMostPerShard = (1U << 20) / kShards;
  struct Entry {
    domain::TokenBucket bucket;
    std::atomic<std::int64_t> calls{0};
    std::atomic<std::int64_t> watches{0};
  };
  struct Hash {
    std::size_t operator()(const CallerIdentity& caller) const;
  };
  struct Same {
    bool operator()(const CallerIdentity& a, const CallerIdentity& b) const {
      return a.id == b.id && a.anchor == b.anchor;
    }
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    absl::flat_hash_map<CallerIdentity, std::unique_ptr<Entry>, Hash, Same> entries;
    std::size_t make_room_at = 64;
  };

  /// With the shard's lock. Null: the shard is full.
  static Entry* FindOrAdd(Shard& shard, const CallerIdentity& caller, absl::Duration now);
  Admission Refuse(const CallerIdentity& caller, absl::Duration now, absl::Duration retry_after, Limit limit);

  QuotaLimits limits_;
  domain::BucketLimits bucket_limits_;
  std::array<Shard, kShards> shards_;
  std::array<std::atomic<std::uint64_t>, kLimitNames.size()> refused_{};
  std::atomic<std::int64_t> next_line_ns_{0};
};

}  // namespace henb::keydist::service
