// The way to x2secd. For this program only: includes gRPC.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace henb::x2sec::ctl {

inline constexpr const char* kControlSocket = "/run/henb-x2sec/control.sock";
inline constexpr const char* kStatusSocket = "/run/henb-x2sec/status.sock";

/// What a command wants to do decides which sockets will do for it.
enum class Purpose { kRead, kChange };

/// A channel to `socket`; without one, to the control socket and, for reading, to the status socket where the first is
/// not there or not for this user. Unavailable: nobody serves it; PermissionDenied: not for this user.
[[nodiscard]] absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::optional<std::string>& socket,
                                                                     Purpose purpose);

/// A context whose call ends after `patience`.
[[nodiscard]] std::unique_ptr<grpc::ClientContext> ContextFor(absl::Duration patience);

}  // namespace henb::x2sec::ctl
