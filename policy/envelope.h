// A secret on its way to one device: CMS AuthEnvelopedData (RFC 5083) for the key of its vendor certificate.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/secret_bytes.h"

namespace henb::policy {

/// What a MAC credential may be (RFC 4210 §5.1.3.1 calls it a password): printable ASCII without spaces, 32 to 128
/// octets. InvalidArgument says what is wrong, never what it is.
[[nodiscard]] absl::Status CheckMacSecret(const common::SecretBytes& secret);

/// AES-256-GCM; to an RSA key by RSAES-OAEP with SHA-256, to an EC key by one-pass ECDH with the SHA-256 KDF and AES
/// key wrap (RFC 5753). InvalidArgument: another kind of key. DER.
[[nodiscard]] absl::StatusOr<std::string> EncryptFor(const common::Certificate& device,
                                                     const common::SecretBytes& secret);

}  // namespace henb::policy
