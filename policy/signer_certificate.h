// What a configuration signer's certificate says of its holder. Inside this module only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "policy/policy.h"

namespace henb::policy {

struct SignerAuthority {
  std::string operator_name;
  std::vector<IdPattern> devices;
};

/// Reads EKU, key usage and the two extensions of docs/oids.md; the path is not looked at. PermissionDenied: no
/// configuration signer, or its extensions are missing, given twice or malformed.
[[nodiscard]] absl::StatusOr<SignerAuthority> ReadSignerAuthority(const common::Certificate& certificate);

}  // namespace henb::policy
