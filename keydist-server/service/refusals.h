// Why nothing was handed out, counted since the start.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace henb::keydist::service {

enum class Refusal : std::size_t {
  kPeerNotAllowed,   ///< A peer of a call.
  kPeerSuspended,    ///< A peer of a call.
  kCallerUnknown,    ///< From here on: a whole call.
  kCallerSuspended,  //
  kCertificate,      ///< None that names one HeNB.
  kAddress,          ///< From outside the inner pool.
  kInvalid,          ///< The request is not well-formed.
  kUnaudited,        ///< Its audit record could not be made durable.
  kUnavailable,      ///< No epoch, or the store has lost touch with other replicas.
};
constexpr std::array<std::string_view, 9> kRefusalNames = {"peer_not_allowed", "peer_suspended", "caller_unknown",
                                                           "caller_suspended", "certificate",    "address",
                                                           "invalid",          "unaudited",      "unavailable"};

/// Any thread, without a lock.
class RefusalCounts {
 public:
  void Count(Refusal why, std::uint64_t times = 1) {
    counts_[static_cast<std::size_t>(why)].fetch_add(times, std::memory_order_relaxed);
  }
  [[nodiscard]] std::array<std::uint64_t, kRefusalNames.size()> Read() const {
    std::array<std::uint64_t, kRefusalNames.size()> counts;
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i].load(std::memory_order_relaxed);
    return counts;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kRefusalNames.size()> counts_{};
};

}  // namespace henb::keydist::service
