// What a key of an NSS slot opens. For the sources of this module.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/nss/nss_handles.h"

namespace henb::x2sec::nss {

/// As core::DeviceDecryption. A key that an earlier release imported for signing alone is made fit for this first, as
/// far as the slot allows (CKA_DECRYPT, CKA_DERIVE).
[[nodiscard]] absl::StatusOr<common::SecretBytes> DecryptByOaep(SECKEYPrivateKey* key, std::string_view ciphertext);
[[nodiscard]] absl::StatusOr<common::SecretBytes> AgreeByEcdh(SECKEYPrivateKey* key, std::string_view point);

}  // namespace henb::x2sec::nss
