// The port to what a private key of the device does to open what was encrypted to it (R37).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

/// The key stays where it is: in the NSS database, or in a PKCS#11 token (CKM_RSA_PKCS_OAEP, CKM_ECDH1_DERIVE). Keys
/// are named by their ckaid, as in DeviceKeyStore. Implementations may be called from any thread, and block.
class DeviceDecryption {
 public:
  virtual ~DeviceDecryption() = default;
  /// RSAES-OAEP (RFC 8017 §7.1), SHA-256 for the hash and for MGF1, no label. NotFound: no such key; InvalidArgument:
  /// no RSA key, or `ciphertext` is not for it.
  [[nodiscard]] virtual absl::StatusOr<common::SecretBytes> DecryptOaep(const std::string& ckaid,
                                                                        std::string_view ciphertext) = 0;
  /// ECDH: the x coordinate of the shared point, as long as the field. `point`: the other side's public key,
  /// uncompressed, on the same curve. NotFound; InvalidArgument: no EC key, or not such a point.
  [[nodiscard]] virtual absl::StatusOr<common::SecretBytes> Agree(const std::string& ckaid, std::string_view point) = 0;
};

}  // namespace henb::x2sec::core
