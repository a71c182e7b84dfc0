// The device's private key as a file.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::app {

/// The PEM text of an unencrypted private key. PermissionDenied when others than its owner may read it; NotFound. The
/// path is in every message. Any thread.
[[nodiscard]] absl::StatusOr<common::SecretBytes> ReadPrivateKeyFile(const std::string& path);

/// PKCS#8 DER (RFC 5208) of a PEM key, made in memory that is wiped. InvalidArgument when it is no key, is encrypted,
/// or is not that of `certificate`.
[[nodiscard]] absl::StatusOr<common::SecretBytes> ToPkcs8(const common::SecretBytes& pem,
                                                          const common::Certificate& certificate);

}  // namespace henb::x2sec::app
