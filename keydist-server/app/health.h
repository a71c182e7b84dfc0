// Health of what the program has beside the service: TLS and limits.
#pragma once

#include <deque>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keydist-server/rpc/admin_rpc.h"
#include "keydist-server/service/call_quota.h"

namespace henb::keydist::app {

/// What the listener for HeNBs shows and believes.
struct TlsFacts {
  std::optional<absl::Time> certificate_ends;
  std::optional<absl::Time> first_anchor_ends;  ///< The earliest of all.
  std::optional<absl::Time> first_list_ends;    ///< Of the revocation lists; none: there are none.
  absl::Status reload;                          ///< Of the last one.
};

/// Not OK: the certificate, an anchor or a revocation list has expired, or the last reload was refused. Pure.
[[nodiscard]] rpc::SubsystemHealth TlsHealth(const TlsFacts& facts, absl::Time now);

/// What was refused for a limit in the last minute. Not OK when it was for the bound on all callers together: then
/// HeNBs are refused that did nothing wrong. Any thread.
class LimitsHealth {
 public:
  using Counts = std::array<std::uint64_t, service::CallQuota::kLimitNames.size()>;
  /// Every second; `refused` since the start, `steady` of Clock::Steady.
  void Note(const Counts& refused, absl::Duration steady);
  [[nodiscard]] rpc::SubsystemHealth Read() const;

 private:
  struct Sample {
    Counts refused;
    absl::Duration at;
  };
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  ///< The first is a minute old, when there are so many.
};

}  // namespace henb::keydist::app
