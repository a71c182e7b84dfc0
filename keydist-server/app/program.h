// keydist-server put together.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/process_runner.h"
#include "common/random.h"
#include "keydist-server/app/config.h"

namespace henb::keydist::app {

/// Waits this long; false: do not go on. What Start does while etcd is away.
using Pause = std::function<bool(absl::Duration)>;

/// The running service: store, audit log, key service, the TLS listener for HeNBs and the two unix sockets. One thread,
/// but for Tick.
class Program {
 public:
  /// Opens the store, installs the kernel guard where it belongs, then listens. Errors name the file or address. A
  /// shared store that does not answer is waited for, when there is a `pause` to wait with: until then nobody is
  /// listened to. Cancelled when `pause` says so.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Program>> Start(const Config& config, const common::Clock& clock,
                                                                      common::Random& random,
                                                                      common::ProcessRunner& runner,
                                                                      const Pause& pause = nullptr);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Every second: epochs, leases, health.
  void Tick();
  /// Takes over what may change while it serves: the KEKs and the files of `tls.*`. Errors: all stays as it was.
  [[nodiscard]] absl::Status Reload(const Config& config);
  /// Says "not serving", sends watchers away with a time after which to come back, takes nothing new, lets calls
  /// finish within `within`, closes the sockets.
  void Drain(absl::Duration within);
  /// Port that the TLS listener got.
  [[nodiscard]] int port() const;
  /// Of GET /metrics; 0 while it is not served.
  [[nodiscard]] int metrics_port() const;

 private:
  struct Impl;
  explicit Program(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads everything that the configuration names, without listening: for --check-config.
[[nodiscard]] absl::Status CheckFiles(const Config& config);

}  // namespace henb::keydist::app
