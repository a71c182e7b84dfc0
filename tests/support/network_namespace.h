// A network of the test's own.
#pragma once

#include <fcntl.h>
#include <sched.h>

#include <string>
#include <vector>

#include "common/process_runner.h"
#include "common/unique_fd.h"

namespace henb::tests {

/// Puts the calling thread into a fresh, empty network namespace, and back when this dies. Needs root.
class NetworkNamespace {
 public:
  NetworkNamespace() : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    entered_ = before_.valid() && unshare(CLONE_NEWNET) == 0;
  }
  ~NetworkNamespace() {
    if (entered_) (void)setns(before_.get(), CLONE_NEWNET);
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  [[nodiscard]] bool entered() const { return entered_; }

  /// Runs a program in it; its standard output, or "exit N: what it said".
  std::string Run(std::vector<std::string> argv, const std::string& standard_input = "") {
    common::ProcessRequest request;
    request.argv = std::move(argv);
    request.standard_input = standard_input;
    request.deadline = absl::Minutes(1);  // The first SA loads modules, slowly where the processor is emulated.
    const auto result = runner_.Run(request);
    if (!result.ok()) return std::string(result.status().message());
    if (result->exit_status != 0) return "exit " + std::to_string(result->exit_status) + ": " + result->error;
    return result->output;
  }

 private:
  common::UniqueFd before_;
  bool entered_ = false;
  common::SystemProcessRunner runner_;
};

}  // namespace henb::tests
