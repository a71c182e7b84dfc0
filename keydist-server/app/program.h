// keydist-server put together.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/process_runner.h"
#include "common/random.h"
#include "keydist-server/app/config.h"

namespace henb::keydist::app {

/// The running service: store, audit log, key service, the TLS listener for HeNBs and the two unix sockets. One thread,
/// but for Tick.
class Program {
 public:
  /// Installs the kernel guard where it belongs, then listens. Errors name the file or address.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Program>> Start(const Config& config, const common::Clock& clock,
                                                                      common::Random& random,
                                                                      common::ProcessRunner& runner);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Every second: epochs, leases, health.
  void Tick();
  /// Ends streams, lets calls finish within `within`, closes the sockets.
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
