// henb.oam.v1.PolicyService on the control socket. For this module only: includes generated code.
#pragma once

#include "henb-x2sec/control/backend.h"
#include "henb/oam/v1/oam.grpc.pb.h"

namespace henb::x2sec::control {

/// Called on gRPC's threads.
class PolicyPushService final : public henb::oam::v1::PolicyService::Service {
 public:
  /// Without a backend (the status socket) every call is refused with PERMISSION_DENIED. It outlives the service.
  explicit PolicyPushService(ControlBackend* backend) : backend_(backend) {}

  grpc::Status PushPolicy(grpc::ServerContext* context, const henb::oam::v1::PushPolicyRequest* request,
                          henb::oam::v1::PushPolicyResponse* response) override;

 private:
  ControlBackend* backend_;
};

}  // namespace henb::x2sec::control
