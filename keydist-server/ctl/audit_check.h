// Audit files checked offline: no server, no socket, constant memory.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "keydist-server/domain/audit_verifier.h"

namespace henb::keydist::ctl {

struct AuditCheckOptions {
  std::vector<std::string> files;  ///< One chain, oldest first.
  bool partial = false;            ///< The chain's beginning is not in them.
};

struct AuditCheckResult {
  /// InvalidArgument: a file that cannot be read. DataLoss names file, line and what is wrong there.
  absl::Status status;
  domain::AuditVerifier chain;  ///< As far as it is intact.
};

[[nodiscard]] AuditCheckResult CheckAudit(const AuditCheckOptions& options);

}  // namespace henb::keydist::ctl
