// One run of a command against x2secd. For this program only: includes gRPC.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/grpc_status.h"
#include "henb-x2sec/ctl/connection.h"
#include "henb-x2sec/ctl/invocation.h"

namespace henb::x2sec::ctl {

/// Longer than the daemon takes for any answer.
inline constexpr absl::Duration kPatience = absl::Seconds(15);

struct Session {
  const Invocation& invocation;
  std::string input;  ///< Of the file given, if any.
  std::shared_ptr<grpc::Channel> channel;
  std::ostream& out;  ///< Results.
  std::ostream& err;  ///< Everything else.
};

/// One unary call.
template <typename Stub, typename Request, typename Response>
[[nodiscard]] absl::Status Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, Response* response, absl::Duration patience = kPatience) {
  const std::unique_ptr<grpc::ClientContext> context = ContextFor(patience);
  return common::FromGrpc((stub.*method)(context.get(), request, response));
}

// The commands. Each prints its result and returns what the exit status is made of.
[[nodiscard]] absl::Status Links(Session& session);
[[nodiscard]] absl::Status Explain(Session& session);
[[nodiscard]] absl::Status Wait(Session& session);
[[nodiscard]] absl::Status Rotate(Session& session);
[[nodiscard]] absl::Status NeighbourAdd(Session& session);
[[nodiscard]] absl::Status NeighbourRemove(Session& session);
[[nodiscard]] absl::Status NeighbourList(Session& session);
[[nodiscard]] absl::Status NeighbourReplace(Session& session);
[[nodiscard]] absl::Status PolicyPush(Session& session);
[[nodiscard]] absl::Status PolicyShow(Session& session);
[[nodiscard]] absl::Status PolicyHistory(Session& session);
[[nodiscard]] absl::Status Provision(Session& session);
[[nodiscard]] absl::Status EnrolStatus(Session& session);
[[nodiscard]] absl::Status EnrolNow(Session& session);
[[nodiscard]] absl::Status Credentials(Session& session);
[[nodiscard]] absl::Status Doctor(Session& session);
[[nodiscard]] absl::Status Metrics(Session& session);

}  // namespace henb::x2sec::ctl
