// Whether a file that holds a secret is one.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace henb::common {

/// OK: nobody but its owner may read `path` (mode 0600 or less); systemd's credentials, which it gives to the service
/// by an access list, count as that. InvalidArgument: others may. NotFound. Any thread.
[[nodiscard]] absl::Status RequirePrivateFile(const std::string& path);

}  // namespace henb::common
