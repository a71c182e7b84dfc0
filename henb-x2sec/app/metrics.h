// What x2secd tells Prometheus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "henb-x2sec/app/links/key_change_counts.h"
#include "henb-x2sec/app/revocation/revocation_view.h"
#include "henb-x2sec/control/views.h"
#include "henb-x2sec/core/ports/guard.h"

namespace henb::x2sec::app {

struct MetricsInputs {
  absl::Time now;
  std::vector<control::LinkView> links;
  std::optional<core::GuardCounters> guard;  ///< None: the table could not be read.
  std::vector<control::CredentialView> credentials;
  std::optional<control::EnrolmentView> enrolment;
  std::size_t superseded_keys = 0;
  std::optional<std::uint64_t> policy_version;  ///< Of the policy held; none: no policy.
  std::optional<absl::Time> policy_not_after;
  KeyChangeCounts key_changes;
  std::optional<bool> pluto_up;
  std::optional<bool> backhaul_up;
  std::optional<bool> clock_sane;
  std::vector<IssuerView> revocation{};  ///< Empty: not configured.
};

/// Prometheus text exposition format 0.0.4; names and labels are listed in docs/metrics.md. What is not known is left
/// out. Pure.
[[nodiscard]] std::string RenderMetrics(const MetricsInputs& inputs);

/// Replaces `path` whole, mode 0644, for node_exporter's textfile collector (which reads names that end in ".prom").
/// Blocks for an fsync: for a worker.
[[nodiscard]] absl::Status WriteMetricsFile(const std::string& path, const std::string& text);

}  // namespace henb::x2sec::app
