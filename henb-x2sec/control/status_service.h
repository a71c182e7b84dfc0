// henb.control.v1.Status in front of a backend. For this module only: includes generated code.
#pragma once

#include <atomic>

#include "absl/time/time.h"
#include "henb-x2sec/control/backend.h"
#include "henb-x2sec/control/link_changes.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::control {

/// Waits and watches hold a thread each: more than this many are refused (RESOURCE_EXHAUSTED).
inline constexpr int kMostWaiters = 32;

/// Called on gRPC's threads.
class StatusService final : public henb::control::v1::Status::Service {
 public:
  /// Both outlive the service. `longest_wait` bounds every wait and watch.
  StatusService(ControlBackend& backend, LinkChanges& changes, absl::Duration longest_wait)
      : backend_(backend), changes_(changes), longest_wait_(longest_wait) {}

  grpc::Status ListLinks(grpc::ServerContext* context, const henb::control::v1::ListLinksRequest* request,
                         henb::control::v1::ListLinksResponse* response) override;
  grpc::Status WatchLinks(grpc::ServerContext* context, const henb::control::v1::WatchLinksRequest* request,
                          grpc::ServerWriter<henb::control::v1::ListLinksResponse>* writer) override;
  grpc::Status WaitForLink(grpc::ServerContext* context, const henb::control::v1::WaitForLinkRequest* request,
                           henb::control::v1::Link* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const henb::control::v1::ExplainRequest* request,
                       henb::control::v1::ExplainResponse* response) override;
  grpc::Status ListNeighbours(grpc::ServerContext* context, const henb::control::v1::ListNeighboursRequest* request,
                              henb::control::v1::ListNeighboursResponse* response) override;
  grpc::Status ShowPolicy(grpc::ServerContext* context, const henb::control::v1::ShowPolicyRequest* request,
                          henb::control::v1::PolicyInForce* response) override;
  grpc::Status PolicyHistory(grpc::ServerContext* context, const henb::control::v1::PolicyHistoryRequest* request,
                             henb::control::v1::PolicyHistoryResponse* response) override;
  grpc::Status ListCredentials(grpc::ServerContext* context, const henb::control::v1::ListCredentialsRequest* request,
                               henb::control::v1::ListCredentialsResponse* response) override;
  grpc::Status EnrolmentStatus(grpc::ServerContext* context, const henb::control::v1::EnrolmentStatusRequest* request,
                               henb::control::v1::Enrolment* response) override;
  grpc::Status Doctor(grpc::ServerContext* context, const henb::control::v1::DoctorRequest* request,
                      henb::control::v1::DoctorResponse* response) override;
  grpc::Status Metrics(grpc::ServerContext* context, const henb::control::v1::MetricsRequest* request,
                       henb::control::v1::MetricsResponse* response) override;

 private:
  ControlBackend& backend_;
  LinkChanges& changes_;
  absl::Duration longest_wait_;
  std::atomic<int> waiters_ = 0;
};

}  // namespace henb::x2sec::control
