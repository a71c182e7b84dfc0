// A secret that was encrypted to this device (CMS AuthEnvelopedData, RFC 5083), opened with its key.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/core/ports/device_decryption.h"

namespace henb::x2sec::enrol {

/// What policy::EncryptFor makes, and nothing else: one recipient, which is `device` (by issuer and serial),
/// AES-256-GCM with a tag of 16 octets, RSAES-OAEP with SHA-256 or one-pass ECDH with the SHA-256 KDF and AES-256 key
/// wrap (RFC 5753), no other attributes. `device`'s key is in `keys` under `ckaid`. InvalidArgument says what of it is
/// wrong: the form, the recipient, or that it does not open. At most 16 KiB. Any thread.
[[nodiscard]] absl::StatusOr<common::SecretBytes> OpenEnvelope(std::string_view der, const common::Certificate& device,
                                                               const std::string& ckaid, core::DeviceDecryption& keys);

}  // namespace henb::x2sec::enrol
