// The policy's format as JSON Schema (draft 2020-12), for editors and OAM's own checks.
#pragma once

#include <string>

namespace henb::policy {

/// What ReadPolicy reads, as far as JSON Schema can say it; Validate judges more. Indented, a newline at the end. Any
/// thread.
[[nodiscard]] std::string PolicySchema();

}  // namespace henb::policy
