// A real NSS database for tests, made by certutil.
#pragma once

#include <string>
#include <vector>

#include "common/process_runner.h"
#include "tests/support/temp_directory.h"

namespace henb::tests {

/// Owns a new, empty database without a password.
class NssDatabase {
 public:
  NssDatabase() { Certutil({"-N", "--empty-password"}); }
  [[nodiscard]] const std::string& path() const { return directory_.path(); }

  /// Runs certutil on it: its output, errors behind it.
  std::string Certutil(const std::vector<std::string>& arguments) const {
    common::ProcessRequest request;
    request.argv = {"/usr/bin/certutil", "-d", "sql:" + directory_.path()};
    request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
    request.deadline = absl::Seconds(60);
    const auto result = common::SystemProcessRunner().Run(request);
    return result.ok() ? result->output + result->error : std::string(result.status().message());
  }

 private:
  TempDirectory directory_;
};

}  // namespace henb::tests
