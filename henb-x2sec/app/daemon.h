// x2secd: the parts put together.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "henb-x2sec/app/config/config.h"

namespace henb::x2sec::app {

/// Owns everything; runs until SIGTERM or SIGINT. On leaving, guard, policies, connections and SAs stay as they are
/// (R16): a restart adopts them.
class Daemon {
 public:
  /// InvalidArgument or FailedPrecondition when it cannot start: the message names the file or the part. `config_path`
  /// is read again at SIGHUP.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Daemon>> Create(Config config, std::string config_path);
  ~Daemon();

  /// The loop. Returns after a signal to end.
  void Run();

 private:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::x2sec::app
