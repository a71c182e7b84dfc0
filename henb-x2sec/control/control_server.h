// The control sockets of x2secd: gRPC on two unix sockets, access by file mode and group.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "henb-x2sec/control/backend.h"

namespace henb::x2sec::control {

struct ControlServerConfig {
  std::string control_socket;  ///< Everything. 0660, admin_group.
  std::string status_socket;   ///< Reading; changing calls are refused with PERMISSION_DENIED. 0660, status_group.
  std::string admin_group = "x2sec-admin";  ///< Where a group does not exist, the socket is its owner's alone (0600).
  std::string status_group = "x2sec";
  absl::Duration longest_wait = absl::Hours(1);  ///< Waits and watches end after this at the latest.
};

/// Serves `henb.control.v1` and `henb.oam.v1` in front of a backend, on threads of its own.
class ControlServer {
 public:
  /// Makes the folder (0755) if it is not there, removes sockets that nobody serves any more, listens.
  /// AlreadyExists: another daemon serves one of the sockets; FailedPrecondition: the folder is writable for others, or
  /// a path is taken by something that is no socket. `backend` outlives the server.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlServer>> Start(const ControlServerConfig& config,
                                                                            ControlBackend& backend);
  /// Stops.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Some link's view has changed: waits and watches look again now, and not only once a second. Any thread, never
  /// blocks.
  void NotifyLinksChanged();

  /// Ends waits and watches, lets calls in progress end (kAnswerWithin at most), removes the sockets. Not on the thread
  /// that answers the backend's calls. Idempotent.
  void Stop();

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::x2sec::control
