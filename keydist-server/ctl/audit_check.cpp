#include "keydist-server/ctl/audit_check.h"

#include "common/status.h"
#include "keydist-server/ctl/line_reader.h"

namespace henb::keydist::ctl {
namespace {

absl::Status CheckFile(const std::string& path, domain::AuditVerifier& chain) {
  ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path));
  while (true) {
    const auto line = reader.Next();
    const auto place = [&] { return common::StrCat(path, ":", reader.line()); };
    if (!line.ok()) return common::WithContext(line.status(), place());
    if (!*line) return absl::OkStatus();
    if (const absl::Status taken = chain.Take(**line); !taken.ok()) {
      return absl::DataLossError(common::StrCat(place(), ": ", taken.message()));
    }
  }
}

}  // namespace

AuditCheckResult CheckAudit(const AuditCheckOptions& options) {
  AuditCheckResult result{.status = absl::OkStatus(), .chain = domain::AuditVerifier(options.partial)};
  for (const std::string& path : options.files) {
    result.status = CheckFile(path, result.chain);
    if (!result.status.ok()) break;
  }
  return result;
}

}  // namespace henb::keydist::ctl
