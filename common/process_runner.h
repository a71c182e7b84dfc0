// Running other programs: argument vectors only, never a shell.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/secret_bytes.h"

namespace henb::common {

struct ProcessRequest {
  std::vector<std::string> argv;                ///< argv[0] is the path of the program; no PATH search.
  std::string standard_input;                   ///< Written to its standard input, then closed. No secrets here.
  absl::Duration deadline = absl::Seconds(10);  ///< Past it the program is killed (SIGKILL).
  std::size_t output_limit = 8U << 20;          ///< Octets kept of stdout and stderr each; more is an error.
  bool keep_output_at_deadline = false;  ///< What it printed before the deadline is a result (timed_out), not an error.
};

struct ProcessResult {
  int exit_status = -1;    ///< As by exit(3); 128 + signal when killed by one.
  std::string output;      ///< Standard output.
  std::string error;       ///< Standard error.
  bool timed_out = false;  ///< Killed by the deadline (keep_output_at_deadline).
};

/// Runs programs. Implementations may be called from any thread; Run blocks until the program ends.
class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  /// The result, whatever the exit status. NotFound: no such program. DeadlineExceeded: killed by the deadline.
  /// ResourceExhausted: more output than the limit. Internal: it could not be started.
  [[nodiscard]] virtual absl::StatusOr<ProcessResult> Run(const ProcessRequest& request) = 0;
};

/// posix_spawn with an empty environment (PATH and LC_ALL=C only) and no inherited descriptors but the three standard
/// ones.
class SystemProcessRunner final : public ProcessRunner {
 public:
  [[nodiscard]] absl::StatusOr<ProcessResult> Run(const ProcessRequest& request) override;
};

}  // namespace henb::common
