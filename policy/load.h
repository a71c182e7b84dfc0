// From JSON to a policy that may be used.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "policy/policy.h"
#include "policy/problem.h"

namespace henb::policy {

struct PolicyReading {
  std::optional<Policy> policy;  ///< Only when there is no error.
  Problems problems;
};

/// Reads and judges (Validate) the JSON of henb.policy.v1.Policy: at most 1 MiB, 8 levels. Unknown fields, keys given
/// twice, wrong types, empty lists, and everything Validate refuses are errors, each with the path of its field. Any
/// thread.
[[nodiscard]] PolicyReading ReadPolicy(std::string_view json);

/// The same where the first error is enough: InvalidArgument "rules[3].match.networks[0]: "10.0.0/8" is not a CIDR".
[[nodiscard]] absl::StatusOr<Policy> LoadPolicy(std::string_view json);

}  // namespace henb::policy
