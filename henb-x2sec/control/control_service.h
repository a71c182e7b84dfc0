// henb.control.v1.Control in front of a backend. For this module only: includes generated code.
#pragma once

#include "henb-x2sec/control/backend.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::control {

/// Called on gRPC's threads.
class ControlService final : public henb::control::v1::Control::Service {
 public:
  /// Without a backend (the status socket) every call is refused with PERMISSION_DENIED. It outlives the service.
  explicit ControlService(ControlBackend* backend) : backend_(backend) {}

  grpc::Status AddNeighbour(grpc::ServerContext* context, const henb::control::v1::AddNeighbourRequest* request,
                            henb::control::v1::AddNeighbourResponse* response) override;
  grpc::Status RemoveNeighbour(grpc::ServerContext* context, const henb::control::v1::RemoveNeighbourRequest* request,
                               henb::control::v1::RemoveNeighbourResponse* response) override;
  grpc::Status ReplaceNeighbours(grpc::ServerContext* context,
                                 const henb::control::v1::ReplaceNeighboursRequest* request,
                                 henb::control::v1::ReplaceNeighboursResponse* response) override;
  grpc::Status ReportNeighbour(grpc::ServerContext* context, const henb::control::v1::ReportNeighbourRequest* request,
                               henb::control::v1::ReportNeighbourResponse* response) override;
  grpc::Status Provision(grpc::ServerContext* context, const henb::control::v1::ProvisionRequest* request,
                         henb::control::v1::ProvisionResponse* response) override;
  grpc::Status EnrolNow(grpc::ServerContext* context, const henb::control::v1::EnrolNowRequest* request,
                        henb::control::v1::EnrolNowResponse* response) override;
  grpc::Status Rotate(grpc::ServerContext* context, const henb::control::v1::RotateRequest* request,
                      henb::control::v1::RotateResponse* response) override;

 private:
  ControlBackend* backend_;
};

/// What the status socket answers to everything that changes something.
[[nodiscard]] grpc::Status RefusedOnStatusSocket();

}  // namespace henb::x2sec::control
