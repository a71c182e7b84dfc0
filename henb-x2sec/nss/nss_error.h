#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace henb::x2sec::nss {

/// The calling thread's last NSS error with `context` before it. A locked or busy database is Unavailable (worth
/// another try), a read-only one or a wrong password PermissionDenied, the rest Internal.
[[nodiscard]] absl::Status LastNssError(std::string_view context);

}  // namespace henb::x2sec::nss
