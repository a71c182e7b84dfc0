// The commands of x2policy.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace henb::policy::tool {

/// What the command line said; empty where nothing was.
struct Options {
  std::string file;
  std::string other;
  std::string self;
  std::string neighbour;
  std::string cert;
  std::string key;
  std::string chain;
  std::string root;
  std::string device;
  std::string operator_name;
  std::string now;
  std::string out;
  std::vector<std::string> operator_roots;
  std::string policy;
  std::string mac_secret;
  std::string device_cert;
  bool json = false;
  bool no_check = false;
};

/// Results go to stdout, everything else to stderr. The status becomes the exit status (common/exit_status.h).
[[nodiscard]] absl::Status Check(const Options& options);
[[nodiscard]] absl::Status Explain(const Options& options);
[[nodiscard]] absl::Status Sign(const Options& options);
[[nodiscard]] absl::Status Verify(const Options& options);
[[nodiscard]] absl::Status Diff(const Options& options);
[[nodiscard]] absl::Status Schema();
[[nodiscard]] absl::Status ProvisionMake(const Options& options);
[[nodiscard]] absl::Status ProvisionShow(const Options& options);

}  // namespace henb::policy::tool
