#include <atomic>
#include <future>
#include <memory>
#include <mutex>

#include "common/log.h"
#include "common/status.h"
#include "keydist-server/service/operator_desk.h"

namespace henb::keydist::service {
namespace {

using domain::HenbRecord;
using Imported = OperatorDesk::Imported;

absl::StatusOr<Imported> Compare(const HenbRecord& there, const HenbRecord& record) {
  if (there.anchors != record.anchors) {
    return absl::AlreadyExistsError("anchor_spki_sha256: registered already, with others");
  }
  if (there.groups != record.groups) return absl::AlreadyExistsError("groups: registered already, with others");
  return Imported::kUnchanged;
}

/// What many records have in common while they are on their way to the disk.
struct Outcome {
  std::atomic<std::size_t> open;
  std::mutex mutex;
  absl::Status first_error;
  std::promise<absl::Status> done;
};

}  // namespace

absl::Status OperatorDesk::AuditAll(std::string_view event, const std::vector<std::string>& details) {
  if (details.empty()) return absl::OkStatus();
  auto outcome = std::make_shared<Outcome>();
  outcome->open = details.size();
  std::future<absl::Status> result = outcome->done.get_future();
  for (const std::string& detail : details) {
    domain::AuditRecord record;
    record.at = service_.clock().Now();
    record.event = event;
    record.actor = "operator";
    record.detail = detail;
    service_.audit().Append(record, [outcome](const absl::Status& status) {
      {
        const std::lock_guard lock(outcome->mutex);
        outcome->first_error.Update(status);
      }
      if (--outcome->open == 0) outcome->done.set_value(outcome->first_error);
    });
  }
  return common::WithContext(result.get(), "done, but not audited");
}

absl::StatusOr<Imported> OperatorDesk::ImportOne(const HenbRecord& record) {
  ASSIGN_OR_RETURN(const std::optional<HenbRecord> there, service_.store().FindHenb(record.id));
  if (there && there->state != domain::HenbState::kRemoved) return Compare(*there, record);
  RETURN_IF_ERROR(Add(record).status());
  return Imported::kAdded;
}

absl::StatusOr<std::vector<absl::StatusOr<Imported>>> OperatorDesk::Import(std::vector<HenbRecord> records,
                                                                           bool dry_run) {
  std::vector<absl::StatusOr<Imported>> results(records.size(), Imported::kAdded);
  std::vector<HenbRecord> fresh;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const absl::Status status = domain::Normalise(&records[i]); !status.ok()) {
      results[i] = status;
    } else if (const auto there = service_.directory().Find(records[i].id)) {
      results[i] = Compare(there->record, records[i]);
    } else {
      fresh.push_back(std::move(records[i]));
      places.push_back(i);
    }
  }
  if (dry_run || fresh.empty()) return results;
  ASSIGN_OR_RETURN(const std::vector<absl::Status> created, service_.store().CreateHenbs(fresh));
  std::vector<std::string> added;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (created[i].ok()) {
      added.push_back(fresh[i].id.str());
    } else {  // Removed once, twice in this call, or somebody was first.
      results[places[i]] = ImportOne(fresh[i]);
    }
  }
  common::LogInfo("henbs_imported", {{"asked", results.size()}, {"added", added.size()}});
  RETURN_IF_ERROR(AuditAll("henb_added", added));
  return results;
}

}  // namespace henb::keydist::service
