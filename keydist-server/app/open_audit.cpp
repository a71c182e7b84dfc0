#include "keydist-server/app/open_audit.h"

#include "common/status.h"
#include "keydist-server/store/audit_files.h"

namespace henb::keydist::app {

absl::StatusOr<std::unique_ptr<store::FileAuditLog>> OpenAudit(const Config& config, const common::Clock& clock) {
  const std::string& path = config.audit_path;
  ASSIGN_OR_RETURN(std::unique_ptr<store::AppendFile> file, store::OpenGrowingAudit(path));
  store::FileAuditLog::Options options;
  options.clock = &clock;
  ASSIGN_OR_RETURN(options.before, store::HeadOfNewestPart(path));
  options.roll = [path](std::uint64_t first, std::uint64_t last) { return store::RollAudit(path, first, last); };
  options.roll_size = static_cast<std::uint64_t>(config.audit_roll_size_mib) << 20;
  options.roll_every = config.audit_roll_every;
  auto log = store::FileAuditLog::Open(std::move(file), std::move(options));
  if (!log.ok()) return common::WithContext(log.status(), path);
  return log;
}

}  // namespace henb::keydist::app
