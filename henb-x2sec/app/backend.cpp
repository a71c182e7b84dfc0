#include "henb-x2sec/app/backend.h"

#include <map>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/loop_call.h"
#include "policy/explain.h"
#include "policy/names.h"
#include "policy/records.h"

namespace henb::x2sec::app {
namespace {

using control::kAnswerWithin;

template <typename T, typename Compute>
absl::StatusOr<T> OnLoop(common::EventLoop& loop, Compute compute) {
  return CallLoop<absl::StatusOr<T>>(loop, kAnswerWithin,
                                     [compute = std::move(compute)](auto answer) mutable { answer->Give(compute()); });
}

template <typename Compute>
absl::Status StatusOnLoop(common::EventLoop& loop, Compute compute) {
  return CallLoop<absl::Status>(loop, kAnswerWithin,
                                [compute = std::move(compute)](auto answer) mutable { answer->Give(compute()); });
}

control::CredentialView ViewOf(const Credential& credential, std::string kind, std::string origin) {
  control::CredentialView view;
  const common::Certificate& certificate = credential.certificate;
  view.kind = std::move(kind);
  view.subject = certificate.subject();
  view.issuer = certificate.issuer();
  view.serial = certificate.serial_hex();
  view.spki_sha256 = certificate.spki().ToHex();
  view.not_before = certificate.not_before();
  view.not_after = certificate.not_after();
  view.origin = std::move(origin);
  if (!credential.ckaid.empty()) view.ckaid = credential.ckaid;
  return view;
}

control::CredentialView ViewOf(const OperatorRoot& root) {
  control::CredentialView view =
      ViewOf(Credential{.certificate = root.certificate, .intermediates = {}, .anchor = root.certificate, .ckaid = ""},
             "OPERATOR_ROOT", root.origin);
  view.key_store = "NONE";
  return view;
}

control::PushOutcome OutcomeOf(policy::PushResult result) {
  switch (result) {
    case policy::PushResult::kApplied:
      return control::PushOutcome::kApplied;
    case policy::PushResult::kWouldApply:
      return control::PushOutcome::kWouldApply;
    case policy::PushResult::kUnchanged:
      break;
  }
  return control::PushOutcome::kUnchanged;
}

/// The elements of a JSON array as texts of their own; the place of an element stands in later errors.
absl::StatusOr<std::vector<std::string>> ArrayElements(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return absl::InvalidArgumentError("not JSON");
  if (!parsed.is_array()) return absl::InvalidArgumentError("an array of neighbour records is wanted");
  std::vector<std::string> out;
  for (const auto& element : parsed) out.push_back(element.dump());
  return out;
}

}  // namespace

std::vector<control::CredentialView> CredentialViews(const Credentials& credentials) {
  std::vector<control::CredentialView> out = {ViewOf(credentials.vendor(), "VENDOR", "FILE")};
  if (credentials.operator_credential())
    out.push_back(ViewOf(*credentials.operator_credential(), "OPERATOR", "ENROLLED"));
  for (control::CredentialView& each : out) each.key_store = credentials.key_store();
  return out;
}

absl::StatusOr<std::vector<control::LinkView>> Backend::Links() {
  return OnLoop<std::vector<control::LinkView>>(parts_.loop, [this] { return parts_.links.Views(); });
}

absl::StatusOr<std::string> Backend::Explain(const common::HenbId& neighbour) {
  return OnLoop<std::string>(parts_.loop, [this, neighbour]() -> absl::StatusOr<std::string> {
    if (!parts_.neighbours.Knows(neighbour)) {
      return absl::NotFoundError(common::StrCat("no neighbour ", neighbour.str()));
    }
    const policy::Facts facts = parts_.links.FactsOf(neighbour);
    const policy::Policy* policy = parts_.policy.policy();
    return policy::ExplainJson(policy, facts, policy::Decide(policy, facts));
  });
}

absl::StatusOr<std::vector<std::string>> Backend::Neighbours() {
  return OnLoop<std::vector<std::string>>(parts_.loop, [this] { return parts_.neighbours.ToJson(); });
}

absl::StatusOr<control::PolicyView> Backend::Policy() {
  return OnLoop<control::PolicyView>(parts_.loop, [this]() -> absl::StatusOr<control::PolicyView> {
    const auto accepted = parts_.policy.current();
    if (accepted == nullptr) return absl::NotFoundError("no policy has been applied");
    control::PolicyView view;
    view.version = accepted->policy.version;
    view.operator_name = accepted->policy.operator_name;
    view.sha256 = accepted->sha256.ToHex();
    view.signer = accepted->signer.subject;
    view.not_before = accepted->policy.not_before;
    view.not_after = accepted->policy.not_after;
    const absl::Time now = parts_.clock.Now();
    view.in_force = view.not_before <= now && now < view.not_after;
    const auto history = parts_.policy.History();
    if (history.ok()) {
      for (const policy::HistoryEntry& entry : *history) {
        if (entry.version == view.version && entry.result == "APPLIED") view.applied_at = entry.at;
      }
    }
    view.json = accepted->json;
    return view;
  });
}

absl::StatusOr<std::vector<control::PolicyHistoryEntry>> Backend::PolicyHistory() {
  using Entries = std::vector<control::PolicyHistoryEntry>;
  return OnLoop<Entries>(parts_.loop, [this]() -> absl::StatusOr<Entries> {
    ASSIGN_OR_RETURN(const auto history, parts_.policy.History());
    Entries out;
    for (auto it = history.rbegin(); it != history.rend(); ++it) {
      control::PolicyHistoryEntry entry{
          .at = it->at, .version = {}, .sha256 = {}, .result = it->result, .detail = it->detail};
      if (it->version != 0) entry.version = it->version;
      if (!it->sha256.empty()) entry.sha256 = it->sha256;
      out.push_back(std::move(entry));
    }
    return out;
  });
}

absl::StatusOr<std::vector<control::CredentialView>> Backend::Credentials() {
  return OnLoop<std::vector<control::CredentialView>>(parts_.loop, [this] {
    std::vector<control::CredentialView> views = CredentialViews(parts_.credentials);
    for (const OperatorRoot& root : parts_.credentials.known_roots()) views.push_back(ViewOf(root));
    return views;
  });
}

absl::StatusOr<control::EnrolmentView> Backend::Enrolment() {
  return OnLoop<control::EnrolmentView>(parts_.loop, [this] { return parts_.enrolment.View(); });
}

absl::StatusOr<std::vector<control::DoctorFinding>> Backend::Doctor() { return parts_.doctor(); }

absl::StatusOr<std::string> Backend::Metrics() {
  return OnLoop<std::string>(parts_.loop, [this] { return parts_.metrics(); });
}

absl::StatusOr<common::HenbId> Backend::AddNeighbour(std::string_view json) {
  ASSIGN_OR_RETURN(const policy::NeighbourRecord record, policy::ReadNeighbourRecord(json));
  return OnLoop<common::HenbId>(parts_.loop, [this, record]() -> absl::StatusOr<common::HenbId> {
    if (record.id == parts_.config.id) return absl::InvalidArgumentError("id: that is this HeNB itself");
    RETURN_IF_ERROR(parts_.neighbours.Put(record));
    common::LogInfo("neighbour.added", {{"neighbour", record.id.str()}});
    parts_.links.FactsChanged(record.id);
    return record.id;
  });
}

absl::Status Backend::RemoveNeighbour(const common::HenbId& neighbour) {
  return StatusOnLoop(parts_.loop, [this, neighbour]() -> absl::Status {
    RETURN_IF_ERROR(parts_.neighbours.Remove(neighbour));
    common::LogInfo("neighbour.removed", {{"neighbour", neighbour.str()}});
    parts_.links.EvaluateAll();
    return absl::OkStatus();
  });
}

absl::StatusOr<control::NeighbourChanges> Backend::ReplaceNeighbours(std::string_view json) {
  ASSIGN_OR_RETURN(const std::vector<std::string> elements, ArrayElements(json));
  std::map<common::HenbId, policy::NeighbourRecord> records;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    ASSIGN_OR_RETURN_CTX(const policy::NeighbourRecord record, policy::ReadNeighbourRecord(elements[i]),
                         common::StrCat("[", i, "]"));
    if (record.id == parts_.config.id) {
      return absl::InvalidArgumentError(common::StrCat("[", i, "].id: that is this HeNB itself"));
    }
    if (!records.emplace(record.id, record).second) {
      return absl::InvalidArgumentError(common::StrCat("[", i, "].id: ", record.id.str(), " stands here twice"));
    }
  }
  return OnLoop<control::NeighbourChanges>(parts_.loop, [this, records]() -> absl::StatusOr<control::NeighbourChanges> {
    control::NeighbourChanges changes;
    std::vector<policy::NeighbourRecord> list;
    for (const auto& [id, old] : parts_.neighbours.FromOam()) {
      if (!records.contains(id)) changes.removed.push_back(id.str());
    }
    for (const auto& [id, record] : records) {
      const auto old = parts_.neighbours.FromOam().find(id);
      if (old == parts_.neighbours.FromOam().end()) {
        changes.added.push_back(id.str());
      } else if (!(old->second == record)) {
        changes.changed.push_back(id.str());
      }
      list.push_back(record);
    }
    RETURN_IF_ERROR(parts_.neighbours.Replace(list));
    common::LogInfo("neighbour.replaced", {{"count", list.size()}});
    for (const std::string& id : changes.changed) parts_.links.FactsChanged(*common::HenbId::Parse(id));
    parts_.links.EvaluateAll();
    return changes;
  });
}

absl::StatusOr<common::HenbId> Backend::ReportNeighbour(std::string_view json) {
  ASSIGN_OR_RETURN(const policy::NeighbourRecord record, policy::ReadNeighbourRecord(json));
  return OnLoop<common::HenbId>(parts_.loop, [this, record]() -> absl::StatusOr<common::HenbId> {
    if (record.id == parts_.config.id) return absl::InvalidArgumentError("id: that is this HeNB itself");
    parts_.neighbours.Report(record);
    common::LogInfo("neighbour.reported", {{"neighbour", record.id.str()}});
    parts_.links.EvaluateAll();
    return record.id;
  });
}

absl::StatusOr<control::PolicyPushResult> Backend::Push(const std::string& cms_der, bool dry_run) {
  std::map<common::HenbId, policy::Decision> before;
  for (const common::HenbId& id : parts_.neighbours.Ids()) {
    before[id] = policy::Decide(parts_.policy.policy(), parts_.links.FactsOf(id));
  }
  auto report = parts_.policy.Push(cms_der, dry_run, "x2secctl");
  if (!report.ok()) {
    common::LogAlarm("policy.refused", {{"error", report.status()}});
    return report.status();
  }
  control::PolicyPushResult result{.version = report->accepted->policy.version,
                                   .sha256 = report->accepted->sha256.ToHex(),
                                   .outcome = OutcomeOf(report->result),
                                   .changes = {}};
  for (const auto& [id, old] : before) {
    const policy::Decision next = policy::Decide(&report->accepted->policy, parts_.links.FactsOf(id));
    if (next.outcome == old.outcome && next.rule == old.rule) continue;
    result.changes.push_back({.neighbour = id.str(),
                              .decision_before = std::string(policy::Name(old.outcome)),
                              .decision_after = std::string(policy::Name(next.outcome)),
                              .rule_before = old.rule,
                              .rule_after = next.rule,
                              .reason_after = std::string(policy::ReasonText(next.reason))});
  }
  if (report->result == policy::PushResult::kApplied) {
    common::LogInfo("policy.applied", {{"policy_version", result.version}, {"sha256", result.sha256}});
    parts_.policy_changed();
  }
  return result;
}

absl::StatusOr<control::PolicyPushResult> Backend::PushPolicy(std::string_view cms_der, bool dry_run) {
  return OnLoop<control::PolicyPushResult>(parts_.loop,
                                           [this, cms = std::string(cms_der), dry_run] { return Push(cms, dry_run); });
}

absl::StatusOr<control::ProvisionResult> Backend::Provision(std::string_view cms_der) {
  return OnLoop<control::ProvisionResult>(parts_.loop,
                                          [this, cms = std::string(cms_der)] { return parts_.provisioner.Take(cms); });
}

absl::Status Backend::EnrolNow() {
  return StatusOnLoop(parts_.loop, [this] { return parts_.enrolment.Now(); });
}

absl::StatusOr<control::RotateReport> Backend::Rotate(const common::HenbId& neighbour, absl::Duration patience) {
  return CallLoop<absl::StatusOr<control::RotateReport>>(parts_.loop, patience, [this, neighbour](auto answer) {
    parts_.links.Rotate(neighbour,
                        [answer](absl::StatusOr<control::RotateReport> report) { answer->Give(std::move(report)); });
  });
}

}  // namespace henb::x2sec::app
