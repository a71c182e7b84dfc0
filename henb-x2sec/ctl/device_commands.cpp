#include "common/status.h"
#include "common/text_table.h"
#include "henb-x2sec/ctl/output.h"
#include "henb-x2sec/ctl/session.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::ctl {

namespace v1 = henb::control::v1;

namespace {

Json EnrolmentJson(const v1::Enrolment& enrolment) {
  Json steps = Json::array();
  for (const v1::EnrolmentStep& step : enrolment.steps()) {
    steps.push_back(
        Json{{"at", TimeText(step.at())}, {"step", step.step()}, {"ok", step.ok()}, {"detail", step.detail()}});
  }
  return Json{{"state", enrolment.state()},
              {"server", enrolment.has_server() ? Json(enrolment.server()) : Json(nullptr)},
              {"transport", enrolment.has_transport() ? Json(enrolment.transport()) : Json(nullptr)},
              {"next_attempt", enrolment.has_next_attempt() ? Json(TimeText(enrolment.next_attempt())) : Json(nullptr)},
              {"certificate", enrolment.has_certificate() ? CertificateJson(enrolment.certificate()) : Json(nullptr)},
              {"renewal_due", enrolment.has_renewal_due() ? Json(TimeText(enrolment.renewal_due())) : Json(nullptr)},
              {"steps", std::move(steps)}};
}

void PrintEnrolment(std::ostream& out, const v1::Enrolment& enrolment) {
  common::TextTable summary(
      {"STATE", "SERVER", "TRANSPORT", "NEXT ATTEMPT", "CERTIFICATE", "NOT AFTER", "RENEWAL DUE"});
  summary.Add({Cell(enrolment.state()), Cell(enrolment.server()), Cell(enrolment.transport()),
               enrolment.has_next_attempt() ? TimeText(enrolment.next_attempt()) : "-",
               Cell(enrolment.certificate().serial()),
               enrolment.has_certificate() ? TimeText(enrolment.certificate().not_after()) : "-",
               enrolment.has_renewal_due() ? TimeText(enrolment.renewal_due()) : "-"});
  out << summary.Render();
  if (enrolment.steps().empty()) return;
  common::TextTable steps({"AT", "STEP", "OK", "DETAIL"});
  for (const v1::EnrolmentStep& step : enrolment.steps()) {
    steps.Add({TimeText(step.at()), Cell(step.step()), step.ok() ? "yes" : "no", Cell(step.detail())});
  }
  out << '\n' << steps.Render();
}

}  // namespace

absl::Status Provision(Session& session) {
  v1::ProvisionRequest request;
  request.set_cms_der(session.input);
  const auto stub = v1::Control::NewStub(session.channel);
  v1::ProvisionResponse response;
  RETURN_IF_ERROR_CTX(Call(*stub, &v1::Control::Stub::Provision, request, &response), session.invocation.file);
  if (session.invocation.json) {
    Print(session.out, Json{{"serial", response.serial()},
                            {"operator", response.operator_()},
                            {"sha256", response.sha256()},
                            {"result", response.result()},
                            {"operator_roots", response.operator_roots()},
                            {"enrolment_segs", response.enrolment_segs()},
                            {"credential", response.credential()}});
  } else {
    session.err << "provisioning data " << response.serial() << " of " << Cell(response.operator_()) << ": "
                << response.result() << '\n';
  }
  return absl::OkStatus();
}

absl::Status EnrolNow(Session& session) {
  const auto stub = v1::Control::NewStub(session.channel);
  v1::EnrolNowResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Control::Stub::EnrolNow, v1::EnrolNowRequest(), &response));
  session.err << "enrolment started; x2secctl enrol --status shows how it goes\n";
  return absl::OkStatus();
}

absl::Status EnrolStatus(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::Enrolment enrolment;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::EnrolmentStatus, v1::EnrolmentStatusRequest(), &enrolment));
  if (session.invocation.json) {
    Print(session.out, EnrolmentJson(enrolment));
  } else {
    PrintEnrolment(session.out, enrolment);
  }
  return absl::OkStatus();
}

absl::Status Credentials(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::ListCredentialsResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::ListCredentials, v1::ListCredentialsRequest(), &response));
  Json array = Json::array();
  common::TextTable table({"KIND", "SUBJECT", "ISSUER", "SERIAL", "NOT AFTER", "KEY STORE", "CKAID", "ORIGIN"});
  for (const v1::Credential& credential : response.credentials()) {
    array.push_back(Json{{"kind", credential.kind()},
                         {"subject", credential.subject()},
                         {"issuer", credential.issuer()},
                         {"serial", credential.serial()},
                         {"spki_sha256", credential.spki_sha256()},
                         {"not_before", TimeText(credential.not_before())},
                         {"not_after", TimeText(credential.not_after())},
                         {"key_store", credential.key_store()},
                         {"ckaid", credential.has_ckaid() ? Json(credential.ckaid()) : Json(nullptr)},
                         {"origin", credential.origin().empty() ? Json(nullptr) : Json(credential.origin())}});
    table.Add({Cell(credential.kind()), Cell(credential.subject()), Cell(credential.issuer()),
               Cell(credential.serial()), TimeText(credential.not_after()), Cell(credential.key_store()),
               Cell(credential.ckaid()), Cell(credential.origin())});
  }
  if (session.invocation.json) {
    Print(session.out, array);
  } else {
    session.out << table.Render();
  }
  return absl::OkStatus();
}

absl::Status Doctor(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::DoctorResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::Doctor, v1::DoctorRequest(), &response));
  Json array = Json::array();
  common::TextTable table({"CHECK", "OK", "DETAIL", "REMEDY"});
  int failed = 0;
  for (const v1::Finding& finding : response.findings()) {
    failed += finding.ok() ? 0 : 1;
    array.push_back(Json{{"check", finding.check()},
                         {"ok", finding.ok()},
                         {"detail", finding.detail()},
                         {"remedy", finding.remedy().empty() ? Json(nullptr) : Json(finding.remedy())}});
    table.Add({Cell(finding.check()), finding.ok() ? "yes" : "NO", Cell(finding.detail()), Cell(finding.remedy())});
  }
  if (session.invocation.json) {
    Print(session.out, array);
  } else {
    session.out << table.Render();
  }
  if (failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(common::StrCat(failed, " of ", response.findings_size(), " checks failed"));
}

absl::Status Metrics(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::MetricsResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::Metrics, v1::MetricsRequest(), &response));
  session.out << response.text();
  return absl::OkStatus();
}

}  // namespace henb::x2sec::ctl
