// Health of what the program has beside the service: TLS and limits.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keydist-server/rpc/admin_rpc.h"

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

/// What was refused for a limit in the last minute. Not OK when it was for the bound on all together: then HeNBs are
/// refused that did nothing wrong. Any thread.
class LimitsHealth {
 public:
  /// `subsystem` and the names of its limits outlive it; `everybody` is the place of the bound on all together.
  LimitsHealth(std::string_view subsystem, std::span<const std::string_view> limits, std::size_t everybody)
      : subsystem_(subsystem), limits_(limits), everybody_(everybody) {}
  /// Every second; `refused` by each limit since the start, `steady` of Clock::Steady.
  void Note(std::span<const std::uint64_t> refused, absl::Duration steady);
  [[nodiscard]] rpc::SubsystemHealth Read() const;

 private:
  struct Sample {
    std::vector<std::uint64_t> refused;
    absl::Duration at;
  };
  const std::string_view subsystem_;
  const std::span<const std::string_view> limits_;
  const std::size_t everybody_;
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  ///< The first is a minute old, when there are so many.
};

}  // namespace henb::keydist::app
