// nem-gateway's commands for the operator; they work on the store's file, beside the running server or without it.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "henb-x2sec/nem/config.h"

namespace henb::x2sec::nem {

struct CommandOutput {
  std::ostream& out;  ///< JSON or a table.
  bool json = false;
};

/// Requests by state, devices allowed, the last batch.
[[nodiscard]] absl::Status ShowStatus(const Config& config, const CommandOutput& output);
/// InvalidArgument: no such state.
[[nodiscard]] absl::Status ListRequests(const Config& config, const std::optional<std::string>& state,
                                        const CommandOutput& output);
/// Each line says what became of one request or file; Internal where one failed.
[[nodiscard]] absl::Status Export(const Config& config, const std::string& folder, const CommandOutput& output);
[[nodiscard]] absl::Status Import(const Config& config, const std::string& folder, const CommandOutput& output);
[[nodiscard]] absl::Status Retry(const Config& config, const std::vector<std::string>& ids);

}  // namespace henb::x2sec::nem
