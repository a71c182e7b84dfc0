// What a key of an NSS slot does beside signing digests. For the sources of this module.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/core/ports/key_operations.h"
#include "henb-x2sec/nss/nss_handles.h"

namespace henb::x2sec::nss {

/// As core::KeyOperations says.
[[nodiscard]] absl::StatusOr<common::SecretBytes> RsaPrivate(SECKEYPrivateKey* key, core::RsaUse use,
                                                             std::string_view block);
[[nodiscard]] absl::StatusOr<common::SecretBytes> Agree(SECKEYPrivateKey* key, std::string_view point);

/// As core::DeviceDecryption says.
[[nodiscard]] absl::StatusOr<common::SecretBytes> DecryptByOaep(SECKEYPrivateKey* key, std::string_view ciphertext);

}  // namespace henb::x2sec::nss
