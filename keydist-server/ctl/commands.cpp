#include "keydist-server/ctl/commands.h"

#include <grpcpp/create_channel.h>

#include "common/rpc/grpc_status.h"
#include "common/status.h"

namespace henb::keydist::ctl {

v1::Admin::Stub& Session::stub() {
  if (!stub_) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(64 << 20);
    stub_ =
        v1::Admin::NewStub(grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
  }
  return *stub_;
}

absl::Status Session::Judge(const grpc::Status& status) const {
  const absl::Status result = common::FromGrpc(status);
  // A server that answers "unavailable" says why in its own words.
  return absl::IsUnavailable(result) ? common::WithContext(result, socket) : result;
}

}  // namespace henb::keydist::ctl
