#include "keydist-server/app/restore.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <future>

#include "common/digest.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "keydist-server/app/open_audit.h"
#include "keydist-server/app/open_store.h"
#include "keydist-server/store/audit_files.h"
#include "keydist-server/store/etcd_filler.h"
#include "keydist-server/store/file_audit_log.h"
#include "keydist-server/store/sqlite_store.h"

namespace henb::keydist::app {
namespace {

constexpr std::size_t kMostOctets = std::size_t{4} << 30;

/// The highest number behind `"epoch":` or `"next_epoch":` in the file; 0 without a file. Details are quoted, so that
/// the texts occur as members only. DataLoss: it cannot be read to its end.
absl::StatusOr<std::uint64_t> HighestEpochIn(const std::string& path) {
  std::ifstream file(path);
  if (!file) return 0;
  std::uint64_t highest = 0;
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view key : {"\"epoch\":", "\"next_epoch\":"}) {
      const std::size_t at = line.find(key);
      if (at == std::string::npos) continue;
      const std::size_t begin = at + key.size();
      const std::size_t end = line.find_first_not_of("0123456789", begin);
      const auto number = common::ParseNumber<std::uint64_t>(std::string_view(line).substr(begin, end - begin));
      highest = std::max(highest, number.value_or(0));
    }
  }
  if (file.bad()) return absl::DataLossError(common::StrCat(path, ": cannot be read to its end"));
  return highest;
}

absl::Status FillSqlite(const Config& config, const domain::RestorePlan& plan, const domain::Backup& backup) {
  const std::string path = config.state_dir + "/keydist.db";
  ASSIGN_OR_RETURN(const std::unique_ptr<store::SqliteStore> store, store::SqliteStore::Open(path));
  return common::WithContext(store->Fill(plan.henbs, backup.pairs, plan.last_epoch), path);
}

/// Broken off, the same backup takes it up; nobody can open the store before it is whole.
absl::Status FillEtcd(const Config& config, std::string_view text, const domain::RestorePlan& plan,
                      const domain::Backup& backup, const common::Clock& clock) {
  std::uint64_t id = 1;
  std::memcpy(&id, common::Sha256Digest::Of(text).bytes().data(), sizeof id);
  ASSIGN_OR_RETURN(store::EtcdStore::Options options, LoadEtcd(config.etcd));
  ASSIGN_OR_RETURN(const std::unique_ptr<store::EtcdFiller> filler,
                   store::EtcdFiller::Begin(std::move(options), id | 1, true, clock));
  if (filler->finished()) return absl::FailedPreconditionError("etcd: this backup has been restored there already");
  std::vector<store::PairException> pairs;
  for (const auto& [pair, rule] : backup.pairs) pairs.push_back({pair, rule});
  const store::StoredEpoch last{.number = plan.last_epoch, .activates = absl::UnixEpoch(), .sealed = {}};
  RETURN_IF_ERROR(filler->Fill(store::ContentOf(filler->keys(), plan.henbs, pairs, {&last, 1})));
  // Above any revision that the lost service told its watchers: it made less than a change a second.
  return filler->Finish(static_cast<std::uint64_t>(absl::ToUnixSeconds(clock.Now())));
}

absl::Status Record(store::AuditLog& audit, absl::Time now, std::string detail) {
  domain::AuditRecord record;
  record.at = now;
  record.event = "restored";
  record.actor = "operator";
  record.detail = std::move(detail);
  std::promise<absl::Status> durable;
  audit.Append(record, [&durable](absl::Status status) { durable.set_value(std::move(status)); });
  return common::WithContext(durable.get_future().get(), "done, but not audited");
}

}  // namespace

absl::StatusOr<Restored> Restore(const Config& config, const std::string& path, const domain::RestoreOptions& options,
                                 const common::Clock& clock) {
  const absl::StatusOr<std::string> text = common::ReadFile(path, kMostOctets);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  ASSIGN_OR_RETURN_CTX(const domain::Backup backup, domain::ReadBackup(*text), path);

  RETURN_IF_ERROR(common::MakeDirectories(config.state_dir, 0700));
  // Its lock: no server runs on this state meanwhile.
  ASSIGN_OR_RETURN(const std::unique_ptr<store::FileAuditLog> audit, OpenAudit(config, clock));
  ASSIGN_OR_RETURN(std::uint64_t audited, HighestEpochIn(config.audit_path));
  ASSIGN_OR_RETURN(const std::vector<domain::AuditPart> parts, store::AuditPartsOf(config.audit_path));
  for (const domain::AuditPart& part : parts) {
    const std::string folder = config.audit_path.substr(0, config.audit_path.rfind('/') + 1);
    ASSIGN_OR_RETURN(const std::uint64_t older, HighestEpochIn(folder + part.name));
    audited = std::max(audited, older);
  }
  const absl::Time now = clock.Now();
  ASSIGN_OR_RETURN_CTX(const domain::RestorePlan plan,
                       domain::PlanRestore(backup, options, audited, config.service.schedule.length, now), path);

  RETURN_IF_ERROR(config.backend == StoreBackend::kEtcd ? FillEtcd(config, *text, plan, backup, clock)
                                                        : FillSqlite(config, plan, backup));
  const Restored restored{.henbs = plan.henbs.size(), .pairs = backup.pairs.size(), .last_epoch = plan.last_epoch};
  common::LogInfo("restored", {{"henbs", restored.henbs},
                               {"pairs", restored.pairs},
                               {"above_epoch", restored.last_epoch},
                               {"generations_raised_by", options.raise_generations}});
  RETURN_IF_ERROR(Record(*audit, now,
                         common::StrCat("backup of ", absl::FormatTime(backup.made, absl::UTCTimeZone()), ": ",
                                        restored.henbs, " HeNBs, ", restored.pairs, " pairs, above epoch ",
                                        restored.last_epoch, ", generations raised by ", options.raise_generations)));
  return restored;
}

}  // namespace henb::keydist::app
