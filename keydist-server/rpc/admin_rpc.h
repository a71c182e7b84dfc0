// henb.keydist.v1.Admin, for the unix sockets.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "keydist-server/service/operator_desk.h"
#include "keydist-server/store/move.h"

namespace grpc {
class Service;
}

namespace henb::keydist::rpc {

/// One line of the health by subsystem.
struct SubsystemHealth {
  std::string name;
  bool ok = true;
  std::string detail{};  ///< Why not, or how far from it.
};

/// What the program knows and the service does not.
struct ProgramFacts {
  std::string version;
  std::string listen;
  std::string placement;
  absl::Time started;
  /// Calls refused so far by quota.
  std::function<std::uint64_t()> over_quota;
  /// Moves the store to etcd; blocks.
  std::function<absl::StatusOr<store::Moved>()> move_store;
  /// Health of subsystems beyond store, audit and epochs.
  std::function<std::vector<SubsystemHealth>()> more_health;
};

/// Store, epochs, audit, then what the program adds. Any thread.
[[nodiscard]] std::vector<SubsystemHealth> HealthOf(service::KeyService& service, const ProgramFacts& facts);

enum class AdminAccess { kEverything, kReading };

/// With kReading, calls that change something are PermissionDenied: status.sock. The references outlive the returned
/// service.
[[nodiscard]] std::unique_ptr<grpc::Service> MakeAdminRpc(service::KeyService& service, const ProgramFacts& facts,
                                                          AdminAccess access);

}  // namespace henb::keydist::rpc
