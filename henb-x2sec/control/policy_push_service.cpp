#include "henb-x2sec/control/policy_push_service.h"

#include "common/rpc/grpc_status.h"
#include "henb-x2sec/control/control_service.h"

namespace henb::x2sec::control {

namespace {

henb::oam::v1::PushPolicyResponse::Result ToWire(PushOutcome outcome) {
  switch (outcome) {
    case PushOutcome::kApplied:
      return henb::oam::v1::PushPolicyResponse::APPLIED;
    case PushOutcome::kUnchanged:
      return henb::oam::v1::PushPolicyResponse::UNCHANGED;
    case PushOutcome::kWouldApply:
      return henb::oam::v1::PushPolicyResponse::WOULD_APPLY;
  }
  return henb::oam::v1::PushPolicyResponse::RESULT_UNSPECIFIED;
}

}  // namespace

grpc::Status PolicyPushService::PushPolicy(grpc::ServerContext*, const henb::oam::v1::PushPolicyRequest* request,
                                           henb::oam::v1::PushPolicyResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<PolicyPushResult> result = backend_->PushPolicy(request->cms_der(), request->dry_run());
  if (!result.ok()) return common::ToGrpc(result.status());
  response->set_version(result->version);
  response->set_sha256(result->sha256);
  response->set_result(ToWire(result->outcome));
  for (const PolicyLinkChange& change : result->changes) {
    henb::oam::v1::LinkChange* wire = response->add_changes();
    wire->set_neighbour(change.neighbour);
    wire->set_decision_before(change.decision_before);
    wire->set_decision_after(change.decision_after);
    wire->set_rule_before(change.rule_before);
    wire->set_rule_after(change.rule_after);
    wire->set_reason_after(change.reason_after);
  }
  return grpc::Status::OK;
}

}  // namespace henb::x2sec::control
