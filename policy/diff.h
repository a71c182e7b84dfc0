// What two policies differ in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace henb::policy {

enum class Change { kAdded, kRemoved, kChanged, kMoved };
[[nodiscard]] std::string_view Name(Change change);

struct Difference {
  std::string path;  ///< Rules by their id: "rules[wire].match.networks".
  Change change = Change::kChanged;
  std::string before;  ///< JSON; empty when added. Of a moved rule: its place, counted from 0.
  std::string after;
};

/// Field by field, rules by id; a rule whose order among the common ones changed is moved. Both texts must be valid
/// policies.
[[nodiscard]] absl::StatusOr<std::vector<Difference>> DiffPolicies(std::string_view before, std::string_view after);

}  // namespace henb::policy
