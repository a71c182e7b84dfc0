#include "keydist-server/service/call_quota.h"

#include <algorithm>
#include <numeric>

#include "absl/hash/hash.h"
#include "common/log.h"

namespace henb::keydist::service {
namespace {

constexpr absl::Duration kBusyRetry = absl::Seconds(1);
constexpr absl::Duration kBetweenLines = absl::Seconds(1);

constexpr std::array<std::string_view, CallQuota::kLimitNames.size()> kWhy = {
    "too many calls of this HeNB", "too many calls of this HeNB at a time", "too many streams of this HeNB",
    "too many callers"};

}  // namespace

std::size_t CallQuota::Hash::operator()(const CallerIdentity& caller) const {
  return absl::HashOf(caller.anchor, caller.id);
}

CallQuota::CallQuota(QuotaLimits limits)
    : limits_(limits), bucket_limits_{.refill = absl::Seconds(1) / limits.calls_per_second, .burst = limits.burst} {}

CallQuota::Entry* CallQuota::FindOrAdd(Shard& shard, const CallerIdentity& caller, absl::Duration now) {
  const auto found = shard.entries.find(caller);
  if (found != shard.entries.end()) return found->second.get();
  if (shard.entries.size() >= shard.make_room_at) {
    // The slots' last touch of an entry is their decrement, so one that counts nothing may go.
    absl::erase_if(shard.entries, [&](const auto& kept) {
      const Entry& entry = *kept.second;
      return entry.bucket.full_at <= now && entry.calls.load(std::memory_order_acquire) == 0 &&
             entry.watches.load(std::memory_order_acquire) == 0;
    });
    shard.make_room_at = std::clamp<std::size_t>(2 * shard.entries.size(), 64, kMostPerShard);
    if (shard.entries.size() >= kMostPerShard) return nullptr;
  }
  return shard.entries.emplace(caller, std::make_unique<Entry>()).first->second.get();
}

CallQuota::Admission CallQuota::Admit(const CallerIdentity& caller, Kind kind, std::int64_t cost, absl::Duration now) {
  Shard& shard = shards_[Hash()(caller) >> 7 & (kShards - 1)];
  absl::Duration retry_after = kBusyRetry;
  Limit limit = Limit::kRate;
  {
    const std::lock_guard lock(shard.mutex);
    Entry* entry = FindOrAdd(shard, caller, now);
    if (entry == nullptr) {
      limit = Limit::kCallers;
    } else if (kind == Kind::kCall && entry->calls.load(std::memory_order_relaxed) >= limits_.concurrent) {
      limit = Limit::kConcurrent;
    } else if (kind == Kind::kWatch && entry->watches.load(std::memory_order_relaxed) >= limits_.watches) {
      limit = Limit::kWatches;
    } else {
      const domain::Draw draw = domain::Take(entry->bucket, bucket_limits_, now, cost);
      entry->bucket = draw.after;
      if (draw.granted) {
        if (kind == Kind::kOnce) return {.granted = true, .retry_after = {}, .why = {}, .slot = {}};
        std::atomic<std::int64_t>& open = kind == Kind::kCall ? entry->calls : entry->watches;
        open.fetch_add(1, std::memory_order_relaxed);
        return {.granted = true, .retry_after = {}, .why = {}, .slot = Slot(&open)};
      }
      retry_after = draw.wait;
    }
  }
  return Refuse(caller, now, retry_after, limit);
}

CallQuota::Admission CallQuota::Refuse(const CallerIdentity& caller, absl::Duration now, absl::Duration retry_after,
                                       Limit limit) {
  const std::string_view why = kWhy[static_cast<std::size_t>(limit)];
  refused_[static_cast<std::size_t>(limit)].fetch_add(1, std::memory_order_relaxed);
  const std::int64_t now_ns = absl::ToInt64Nanoseconds(now);
  std::int64_t next = next_line_ns_.load(std::memory_order_relaxed);
  if (now_ns >= next && next_line_ns_.compare_exchange_strong(next, now_ns + absl::ToInt64Nanoseconds(kBetweenLines))) {
    common::LogWarning("caller_over_quota", {{"henb", caller.id.str()}, {"why", why}, {"refused", refused()}});
  }
  return {.granted = false, .retry_after = retry_after, .why = why, .slot = {}};
}

std::array<std::uint64_t, CallQuota::kLimitNames.size()> CallQuota::refused_by_limit() const {
  std::array<std::uint64_t, kLimitNames.size()> counts;
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = refused_[i].load(std::memory_order_relaxed);
  return counts;
}

std::uint64_t CallQuota::refused() const {
  const auto counts = refused_by_limit();
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::size_t CallQuota::callers() {
  std::size_t sum = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.entries.size();
  }
  return sum;
}

}  // namespace henb::keydist::service
