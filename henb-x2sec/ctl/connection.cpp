#include "henb-x2sec/ctl/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>

#include "common/status.h"
#include "common/unix_socket.h"

namespace henb::x2sec::ctl {

namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& path) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status Try(const std::string& path) {
  absl::Status status = common::TryToConnect(path);
  if (absl::IsUnavailable(status)) return common::WithContext(status, "x2secd is not reachable");
  if (absl::IsPermissionDenied(status)) {
    return common::WithContext(status, "this user may not talk to x2secd (groups x2sec-admin, x2sec for reading)");
  }
  return status;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::optional<std::string>& socket, Purpose purpose) {
  const std::string first = socket.value_or(kControlSocket);
  const absl::Status tried = Try(first);
  if (tried.ok()) return ChannelTo(first);
  if (!socket && purpose == Purpose::kRead && Try(kStatusSocket).ok()) return ChannelTo(kStatusSocket);
  return tried;
}

std::unique_ptr<grpc::ClientContext> ContextFor(absl::Duration patience) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (patience < absl::Hours(24 * 365)) {
    context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(patience));
  }
  return context;
}

}  // namespace henb::x2sec::ctl
