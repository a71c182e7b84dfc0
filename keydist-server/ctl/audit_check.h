// Audit files checked offline: no server, no socket, constant memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "keydist-server/domain/audit_head.h"
#include "keydist-server/domain/audit_verifier.h"

namespace henb::keydist::ctl {

struct AuditCheckOptions {
  std::vector<std::string> files;  ///< One chain, oldest first; a folder stands for the chain in it.
  bool partial = false;            ///< The chain's beginning is not in them.
  std::string heads;               ///< File of signed heads; empty: none are checked.
  std::string heads_key;           ///< PEM file of the public key that they were signed with.
};

struct AuditCheckResult {
  /// InvalidArgument: a file that cannot be read. DataLoss names file, line and what is wrong there.
  absl::Status status;
  domain::AuditVerifier chain;                 ///< As far as it is intact.
  std::size_t files = 0;                       ///< That were read.
  std::uint64_t heads = 0;                     ///< Signed heads that the chain was found to hold.
  std::optional<domain::AuditHead> last_head;  ///< The last of them.
};

[[nodiscard]] AuditCheckResult CheckAudit(const AuditCheckOptions& options);

}  // namespace henb::keydist::ctl
