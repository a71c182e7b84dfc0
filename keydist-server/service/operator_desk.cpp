#include "keydist-server/service/operator_desk.h"

#include <algorithm>
#include <future>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::service {
namespace {

using domain::HenbRecord;
using domain::HenbState;

absl::Status NoSuchHenb(const common::HenbId& id) { return absl::NotFoundError(common::StrCat("no HeNB ", id.str())); }

}  // namespace

absl::Status OperatorDesk::Audit(std::string_view event, std::string detail) {
  return common::WithContext(Record(event, std::move(detail)), "done, but not audited");
}

absl::Status OperatorDesk::Record(std::string_view event, std::string detail) {
  common::LogInfo(event, {{"detail", detail}});
  domain::AuditRecord record;
  record.at = service_.clock().Now();
  record.event = event;
  record.actor = "operator";
  record.detail = std::move(detail);
  auto durable = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> result = durable->get_future();
  service_.audit().Append(record, [durable](absl::Status status) { durable->set_value(std::move(status)); });
  return result.get();
}

absl::StatusOr<HenbRecord> OperatorDesk::Change(const common::HenbId& id, std::string_view event, std::string detail,
                                                const Edit& edit) {
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<HenbRecord> before, service_.store().FindHenb(id));
    if (!before || before->state == HenbState::kRemoved) return NoSuchHenb(id);
    ASSIGN_OR_RETURN(HenbRecord after, edit(*before));
    if (after == *before) return after;
    const absl::Status status = service_.store().UpdateHenb(*before, after).status();
    if (absl::IsAborted(status)) continue;  // Somebody else was first: one of the two always gets on.
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(Audit(event, std::move(detail)));
    return after;
  }
}

absl::StatusOr<HenbRecord> OperatorDesk::Add(HenbRecord record) {
  RETURN_IF_ERROR(domain::Normalise(&record));
  absl::Status status = service_.store().CreateHenb(record).status();
  if (absl::IsAlreadyExists(status)) {
    ASSIGN_OR_RETURN(const std::optional<HenbRecord> before, service_.store().FindHenb(record.id));
    if (!before || before->state != HenbState::kRemoved) return status;
    RETURN_IF_ERROR(ClearPairRules(record.id));
    record.generation = before->generation;
    status = service_.store().UpdateHenb(*before, record).status();
  }
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(Audit("henb_added", record.id.str()));
  return record;
}

absl::Status OperatorDesk::ClearPairRules(const common::HenbId& id) {
  for (const common::HenbId& peer : service_.directory().PairedByRule(id)) {
    ASSIGN_OR_RETURN(const domain::PairId pair, domain::PairId::Of(id, peer));
    RETURN_IF_ERROR(service_.store().SetPairRule(pair, domain::PairRule::kNone).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<HenbRecord> OperatorDesk::Suspend(const common::HenbId& id) {
  return Change(id, "henb_suspended", id.str(), [](HenbRecord record) { return domain::Suspended(std::move(record)); });
}

absl::StatusOr<HenbRecord> OperatorDesk::Resume(const common::HenbId& id) {
  return Change(id, "henb_resumed", id.str(), [](HenbRecord record) { return domain::Resumed(std::move(record)); });
}

absl::StatusOr<HenbRecord> OperatorDesk::Remove(const common::HenbId& id) {
  ASSIGN_OR_RETURN(HenbRecord removed, Change(id, "henb_removed", id.str(),
                                              [](HenbRecord record) { return domain::Removed(std::move(record)); }));
  RETURN_IF_ERROR(ClearPairRules(id));
  return removed;
}

absl::StatusOr<HenbRecord> OperatorDesk::Rotate(const common::HenbId& id) {
  return Change(id, "henb_rotated", id.str(), [](HenbRecord record) { return domain::Rotated(std::move(record)); });
}

absl::StatusOr<HenbRecord> OperatorDesk::AddToGroup(const common::HenbId& id, const std::string& group) {
  return Change(id, "group_joined", common::StrCat(id.str(), " ", group),
                [&](HenbRecord record) -> absl::StatusOr<HenbRecord> {
                  record.groups.push_back(group);
                  RETURN_IF_ERROR(domain::Normalise(&record));
                  return record;
                });
}

absl::StatusOr<HenbRecord> OperatorDesk::RemoveFromGroup(const common::HenbId& id, const std::string& group) {
  return Change(id, "group_left", common::StrCat(id.str(), " ", group),
                [&](HenbRecord record) -> absl::StatusOr<HenbRecord> {
                  const auto found = std::find(record.groups.begin(), record.groups.end(), group);
                  if (found == record.groups.end()) {
                    return absl::NotFoundError(common::StrCat(id.str(), " is not in group ", common::Quoted(group)));
                  }
                  record.groups.erase(found);
                  return record;
                });
}

absl::Status OperatorDesk::SetPairRule(const domain::PairId& pair, domain::PairRule rule) {
  if (rule != domain::PairRule::kNone) {
    for (const common::HenbId& id : {pair.lower(), pair.higher()}) {
      if (!service_.directory().Find(id)) return NoSuchHenb(id);
    }
  }
  RETURN_IF_ERROR(service_.store().SetPairRule(pair, rule).status());
  const std::string_view event = rule == domain::PairRule::kAllow  ? "pair_allowed"
                                 : rule == domain::PairRule::kDeny ? "pair_denied"
                                                                   : "pair_cleared";
  return Audit(event, common::StrCat(pair.lower().str(), " ", pair.higher().str()));
}

absl::Status OperatorDesk::AdvanceEpoch(absl::Duration activate_in) {
  const absl::Time now = service_.clock().Now();
  RETURN_IF_ERROR(service_.clocks().MayKeepEpochs(now));
  RETURN_IF_ERROR(service_.epochs().Advance(now, activate_in));
  return Audit("epoch_advanced", absl::FormatDuration(activate_in));
}

}  // namespace henb::keydist::service
