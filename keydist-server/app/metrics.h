// What keydist-server tells Prometheus.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keydist-server/domain/connection_book.h"
#include "keydist-server/rpc/admin_rpc.h"
#include "keydist-server/service/call_quota.h"
#include "keydist-server/service/directory.h"
#include "keydist-server/service/refusals.h"
#include "keydist-server/store/audit_log.h"

namespace henb::keydist::app {

struct MetricsInputs {
  std::string version;
  absl::Time now;
  absl::Time started;
  std::vector<rpc::SubsystemHealth> health;
  service::Directory::Counts registered;
  std::uint64_t revision = 0;
  std::uint64_t keys_issued = 0;
  std::array<std::uint64_t, service::kRefusalNames.size()> refusals{};
  std::array<std::uint64_t, service::CallQuota::kLimitNames.size()> over_quota{};
  std::int64_t connections = 0;
  std::array<std::uint64_t, domain::kConnectionRefusalNames.size()> connections_refused{};
  std::size_t quota_callers = 0;
  std::size_t watchers = 0;
  std::uint64_t watch_overflows = 0;
  std::optional<std::uint64_t> epoch;  ///< The current one.
  std::optional<absl::Time> epoch_ends;
  bool next_epoch_ready = false;
  std::uint64_t audit_records = 0;
  store::AuditStats audit;
  std::optional<absl::Time> server_certificate_ends;
  std::optional<absl::Time> first_anchor_ends;  ///< The earliest of all.
};

/// Names and labels are listed in docs/metrics.md; how many label values there are does not depend on how many HeNBs
/// there are. What is not known is left out. Pure.
[[nodiscard]] std::string RenderMetrics(const MetricsInputs& inputs);

}  // namespace henb::keydist::app
