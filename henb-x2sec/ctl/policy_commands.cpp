#include "common/status.h"
#include "common/text_table.h"
#include "henb-x2sec/ctl/output.h"
#include "henb-x2sec/ctl/session.h"
#include "henb/control/v1/control.grpc.pb.h"
#include "henb/oam/v1/oam.grpc.pb.h"

namespace henb::x2sec::ctl {

namespace v1 = henb::control::v1;
namespace oam = henb::oam::v1;

namespace {

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

void PrintPush(Session& session, const oam::PushPolicyResponse& response) {
  const std::string& result = oam::PushPolicyResponse::Result_Name(response.result());
  if (session.invocation.json) {
    Json changes = Json::array();
    for (const oam::LinkChange& change : response.changes()) {
      changes.push_back(Json{{"neighbour", change.neighbour()},
                             {"decision_before", change.decision_before()},
                             {"decision_after", change.decision_after()},
                             {"rule_before", TextOrNull(change.rule_before())},
                             {"rule_after", TextOrNull(change.rule_after())},
                             {"reason_after", change.reason_after()}});
    }
    Print(session.out, Json{{"version", response.version()},
                            {"sha256", response.sha256()},
                            {"result", result},
                            {"changes", std::move(changes)}});
    return;
  }
  session.err << "policy version " << response.version() << ": " << result << '\n';
  if (response.changes().empty()) return;
  common::TextTable table({"NEIGHBOUR", "BEFORE", "AFTER", "RULE", "REASON"});
  for (const oam::LinkChange& change : response.changes()) {
    table.Add({Cell(change.neighbour()), Cell(change.decision_before()), Cell(change.decision_after()),
               Cell(change.rule_after()), Cell(change.reason_after())});
  }
  session.out << table.Render();
}

}  // namespace

absl::Status PolicyPush(Session& session) {
  oam::PushPolicyRequest request;
  request.set_cms_der(session.input);
  request.set_dry_run(session.invocation.dry_run);
  const auto stub = oam::PolicyService::NewStub(session.channel);
  oam::PushPolicyResponse response;
  RETURN_IF_ERROR_CTX(Call(*stub, &oam::PolicyService::Stub::PushPolicy, request, &response), session.invocation.file);
  PrintPush(session, response);
  return absl::OkStatus();
}

absl::Status PolicyShow(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::PolicyInForce policy;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::ShowPolicy, v1::ShowPolicyRequest(), &policy));
  if (!session.invocation.json) {
    common::TextTable table(
        {"VERSION", "OPERATOR", "IN FORCE", "NOT BEFORE", "NOT AFTER", "APPLIED", "SIGNER", "SHA-256"});
    table.Add({common::StrCat(policy.version()), Cell(policy.operator_()), policy.in_force() ? "yes" : "no",
               TimeText(policy.not_before()), TimeText(policy.not_after()), TimeText(policy.applied_at()),
               Cell(policy.signer()), Cell(policy.sha256())});
    session.out << table.Render();
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Json text, ParseAnswer(policy.json()));
  Print(session.out, Json{{"version", policy.version()},
                          {"operator", policy.operator_()},
                          {"sha256", policy.sha256()},
                          {"signer", policy.signer()},
                          {"not_before", TimeText(policy.not_before())},
                          {"not_after", TimeText(policy.not_after())},
                          {"applied_at", TimeText(policy.applied_at())},
                          {"in_force", policy.in_force()},
                          {"policy", std::move(text)}});
  return absl::OkStatus();
}

absl::Status PolicyHistory(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::PolicyHistoryResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::PolicyHistory, v1::PolicyHistoryRequest(), &response));
  Json array = Json::array();
  common::TextTable table({"AT", "VERSION", "RESULT", "SHA-256", "DETAIL"});
  for (const v1::PolicyHistoryEntry& entry : response.entries()) {
    array.push_back(Json{{"at", TimeText(entry.at())},
                         {"version", entry.has_version() ? Json(entry.version()) : Json(nullptr)},
                         {"sha256", entry.has_sha256() ? Json(entry.sha256()) : Json(nullptr)},
                         {"result", entry.result()},
                         {"detail", TextOrNull(entry.detail())}});
    table.Add({TimeText(entry.at()), entry.has_version() ? common::StrCat(entry.version()) : "-", Cell(entry.result()),
               Cell(entry.sha256()), Cell(entry.detail())});
  }
  if (session.invocation.json) {
    Print(session.out, array);
  } else {
    session.out << table.Render();
  }
  return absl::OkStatus();
}

}  // namespace henb::x2sec::ctl
