#include "henb-x2sec/control/policy_push_service.h"

#include "common/rpc/grpc_status.h"
#include "henb-x2sec/control/control_service.h"

namespace henb::x2sec::control {

namespace {

henb::oam::v1::PushPolicyResponse::Outcome ToWire(PushOutcome outcome) {
  switch (outcome) {
    case PushOutcome::kApplied:
      return henb::oam::v1::PushPolicyResponse::APPLIED;
    case PushOutcome::kUnchanged:
      return henb::oam::v1::PushPolicyResponse::UNCHANGED;
    case PushOutcome::kWouldApply:
      return henb::oam::v1::PushPolicyResponse::WOULD_APPLY;
  }
  return henb::oam::v1::PushPolicyResponse::OUTCOME_UNSPECIFIED;
}

}  // namespace

grpc::Status PolicyPushService::PushPolicy(grpc::ServerContext*, const henb::oam::v1::PushPolicyRequest* request,
                                           henb::oam::v1::PushPolicyResponse* response) {
  if (backend_ == nullptr) return RefusedOnStatusSocket();
  const absl::StatusOr<PolicyPushResult> result = backend_->PushPolicy(request->cms_der(), request->dry_run());
  if (!result.ok()) return common::ToGrpc(result.status());
  response->set_version(result->version);
  response->set_sha256(result->sha256);
  response->set_outcome(ToWire(result->outcome));
  for (const PolicyLinkChange& change : result->changes) {
    henb::oam::v1::LinkChange* wire = response->add_changes();
    wire->set_neighbour(change.neighbour);
    wire->set_before(change.before);
    wire->set_after(change.after);
    wire->set_rule(change.rule);
  }
  return grpc::Status::OK;
}

}  // namespace henb::x2sec::control
