#include "henb-x2sec/control/control_service.h"

#include <algorithm>

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb-x2sec/control/wire.h"

namespace henb::x2sec::control {

namespace v1 = henb::control::v1;
using common::ToGrpc;

namespace {
constexpr absl::Duration kLongestRotate = absl::Minutes(10);
}  // namespace

grpc::Status RefusedOnStatusSocket() {
  return {grpc::StatusCode::PERMISSION_DENIED,
          "the status socket is for reading; changes go through the control socket"};
}

grpc::Status ControlService::AddNeighbour(grpc::ServerContext*, const v1::AddNeighbourRequest* request,
                                          v1::AddNeighbourResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<common::HenbId> neighbour = backend_->AddNeighbour(request->record_json());
  if (!neighbour.ok()) return ToGrpc(neighbour.status());
  response->set_neighbour(neighbour->str());
  return grpc::Status::OK;
}

grpc::Status ControlService::RemoveNeighbour(grpc::ServerContext*, const v1::RemoveNeighbourRequest* request,
                                             v1::RemoveNeighbourResponse*) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<common::HenbId> neighbour = common::HenbId::Parse(request->neighbour());
  if (!neighbour.ok()) return ToGrpc(common::WithContext(neighbour.status(), "neighbour"));
  return ToGrpc(backend_->RemoveNeighbour(*neighbour));
}

grpc::Status ControlService::ReplaceNeighbours(grpc::ServerContext*, const v1::ReplaceNeighboursRequest* request,
                                               v1::ReplaceNeighboursResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<NeighbourChanges> changes = backend_->ReplaceNeighbours(request->records_json());
  if (!changes.ok()) return ToGrpc(changes.status());
  ToWire(*changes, response);
  return grpc::Status::OK;
}

grpc::Status ControlService::ReportNeighbour(grpc::ServerContext*, const v1::ReportNeighbourRequest* request,
                                             v1::ReportNeighbourResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<common::HenbId> neighbour = backend_->ReportNeighbour(request->record_json());
  if (!neighbour.ok()) return ToGrpc(neighbour.status());
  response->set_neighbour(neighbour->str());
  return grpc::Status::OK;
}

grpc::Status ControlService::Provision(grpc::ServerContext*, const v1::ProvisionRequest* request,
                                       v1::ProvisionResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<ProvisionResult> result = backend_->Provision(request->cms_der());
  if (!result.ok()) return ToGrpc(result.status());
  response->set_serial(result->serial);
  response->set_operator_(result->operator_name);
  response->set_sha256(result->sha256);
  response->set_result(result->unchanged ? "UNCHANGED" : "APPLIED");
  response->set_operator_roots(static_cast<std::uint32_t>(result->operator_roots));
  response->set_enrolment_segs(static_cast<std::uint32_t>(result->enrolment_segs));
  response->set_credential(result->credential);
  return grpc::Status::OK;
}

grpc::Status ControlService::EnrolNow(grpc::ServerContext*, const v1::EnrolNowRequest*, v1::EnrolNowResponse*) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  return ToGrpc(backend_->EnrolNow());
}

grpc::Status ControlService::Rotate(grpc::ServerContext*, const v1::RotateRequest* request,
                                    v1::RotateResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<common::HenbId> neighbour = common::HenbId::Parse(request->neighbour());
  if (!neighbour.ok()) return ToGrpc(common::WithContext(neighbour.status(), "neighbour"));
  const absl::Duration timeout = FromWire(request->timeout());
  if (timeout <= absl::ZeroDuration()) return {grpc::StatusCode::INVALID_ARGUMENT, "timeout: is not above zero"};
  const absl::StatusOr<RotateReport> report = backend_->Rotate(*neighbour, std::min(timeout, kLongestRotate));
  if (!report.ok()) return ToGrpc(report.status());
  ToWire(*report, response);
  return grpc::Status::OK;
}

}  // namespace henb::x2sec::control
