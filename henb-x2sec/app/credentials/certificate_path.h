// Paths of the device's own certificates.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/certificate.h"

namespace henb::x2sec::app {

struct CertificatePath {
  std::vector<common::Certificate> intermediates;  ///< Those on the path, from the leaf upwards.
  common::Certificate anchor;
};

/// The path (RFC 5280 §6) of `leaf` over `untrusted` to one of `roots`: signatures, basic constraints, key sizes and
/// digests (SHA-1 and MD5 are refused). Dates are not judged here: a device whose clock or certificate is out of date
/// must start and say so. InvalidArgument says at which certificate it fails and why. Any thread.
[[nodiscard]] absl::StatusOr<CertificatePath> FindPath(const common::Certificate& leaf,
                                                       const std::vector<common::Certificate>& untrusted,
                                                       const std::vector<common::Certificate>& roots);

}  // namespace henb::x2sec::app
