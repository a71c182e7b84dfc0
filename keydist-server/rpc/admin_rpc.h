// henb.keydist.v1.Admin, for the unix sockets.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "keydist-server/service/operator_desk.h"

namespace grpc {
class Service;
}

namespace henb::keydist::rpc {

/// What the program knows and the service does not.
struct ProgramFacts {
  std::string version;
  std::string listen;
  std::string placement;
  absl::Time started;
  /// Calls refused so far by quota.
  std::function<std::uint64_t()> over_quota;
  /// Health of subsystems beyond store, audit and epochs.
  std::function<std::vector<std::pair<std::string, absl::Status>>()> more_health;
};

enum class AdminAccess { kEverything, kReading };

/// With kReading, calls that change something are PermissionDenied: status.sock. The references outlive the returned
/// service.
[[nodiscard]] std::unique_ptr<grpc::Service> MakeAdminRpc(service::KeyService& service, const ProgramFacts& facts,
                                                          AdminAccess access);

}  // namespace henb::keydist::rpc
