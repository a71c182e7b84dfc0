// The audit log that the configuration names.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "keydist-server/app/config.h"
#include "keydist-server/store/file_audit_log.h"

namespace henb::keydist::app {

/// Opens the growing file and locks it, with the chain going on where its newest part ended. Unavailable: another
/// process holds it; DataLoss: see FileAuditLog::Open. `clock` outlives the log.
[[nodiscard]] absl::StatusOr<std::unique_ptr<store::FileAuditLog>> OpenAudit(const Config& config,
                                                                             const common::Clock& clock);

}  // namespace henb::keydist::app
