#include "henb-x2sec/control/control_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>

#include "common/log.h"
#include "common/status.h"
#include "common/unix_socket.h"
#include "henb-x2sec/control/control_service.h"
#include "henb-x2sec/control/link_changes.h"
#include "henb-x2sec/control/policy_push_service.h"
#include "henb-x2sec/control/status_service.h"

namespace henb::x2sec::control {

namespace {

constexpr int kLargestRequest = 4 << 20;  // Octets. A policy of 1,000 rules has some 300,000.
constexpr int kMostThreads = 2 * kMostWaiters + 16;
constexpr std::size_t kMostMemory = std::size_t{64} << 20;

void SetUp(grpc::ServerBuilder& builder, const common::SocketPlace& place) {
  builder.AddListeningPort("unix:" + place.staging_path(), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(kLargestRequest);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  grpc::ResourceQuota quota("control");
  quota.SetMaxThreads(kMostThreads);
  quota.Resize(kMostMemory);
  builder.SetResourceQuota(quota);
}

}  // namespace

/// Members are in the order in which they may be destroyed from the end: servers before services before places.
struct ControlServer::Impl {
  Impl(common::SocketPlace control, common::SocketPlace status, const ControlServerConfig& config,
       ControlBackend& backend)
      : control_place(std::move(control)),
        status_place(std::move(status)),
        reading(backend, changes, config.longest_wait),
        changing(&backend),
        refusing(nullptr),
        pushing(&backend),
        refusing_push(nullptr) {}

  absl::Status Listen(const ControlServerConfig& config) {
    grpc::ServerBuilder control;
    SetUp(control, control_place);
    control.RegisterService(&reading).RegisterService(&changing).RegisterService(&pushing);
    control_server = control.BuildAndStart();
    if (!control_server) return absl::InternalError(common::StrCat("cannot listen on ", config.control_socket));
    grpc::ServerBuilder status;
    SetUp(status, status_place);
    status.RegisterService(&reading).RegisterService(&refusing).RegisterService(&refusing_push);
    status_server = status.BuildAndStart();
    if (!status_server) return absl::InternalError(common::StrCat("cannot listen on ", config.status_socket));
    RETURN_IF_ERROR(control_place.Publish(config.admin_group));
    return status_place.Publish(config.status_group);
  }

  void Stop() {
    if (stopped.exchange(true)) return;
    changes.Stop();
    control_place.Remove();
    status_place.Remove();
    const auto deadline = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(kAnswerWithin);
    if (control_server) control_server->Shutdown(deadline);
    if (status_server) status_server->Shutdown(deadline);
  }

  common::SocketPlace control_place;
  common::SocketPlace status_place;
  LinkChanges changes;
  StatusService reading;
  ControlService changing;
  ControlService refusing;
  PolicyPushService pushing;
  PolicyPushService refusing_push;
  std::unique_ptr<grpc::Server> control_server;
  std::unique_ptr<grpc::Server> status_server;
  std::atomic<bool> stopped = false;
};

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(const ControlServerConfig& config,
                                                                    ControlBackend& backend) {
  ASSIGN_OR_RETURN_CTX(common::SocketPlace control, common::SocketPlace::Prepare(config.control_socket),
                       "control socket");
  ASSIGN_OR_RETURN_CTX(common::SocketPlace status, common::SocketPlace::Prepare(config.status_socket), "status socket");
  auto impl = std::make_unique<Impl>(std::move(control), std::move(status), config, backend);
  const absl::Status listening = impl->Listen(config);
  if (!listening.ok()) {
    impl->Stop();
    return listening;
  }
  common::LogInfo("control.listening", {{"control", config.control_socket}, {"status", config.status_socket}});
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() { impl_->Stop(); }
void ControlServer::NotifyLinksChanged() { impl_->changes.Notify(); }
void ControlServer::Stop() { impl_->Stop(); }

}  // namespace henb::x2sec::control
