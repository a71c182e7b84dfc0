// What x2secd says about itself: doctor and metrics.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "henb-x2sec/app/daemon_parts.h"
#include "henb-x2sec/control/views.h"

namespace henb::x2sec::app {

class DaemonReports {
 public:
  explicit DaemonReports(DaemonParts& parts) : parts_(parts) {}

  /// Blocks: on the control server's threads.
  [[nodiscard]] std::vector<control::DoctorFinding> Doctor();
  /// Prometheus text. Loop thread.
  [[nodiscard]] std::string Metrics() const;
  /// Reads the guard's counters on its worker, which is the one that runs nft; then writes the metrics file, where one
  /// is configured. Loop thread.
  void Refresh();

 private:
  DaemonParts& parts_;
  std::optional<core::GuardCounters> guard_counters_;
};

}  // namespace henb::x2sec::app
