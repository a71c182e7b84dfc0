// The port to what a private key does where it is kept: signing, decrypting, key agreement (R33).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

/// Digests that may be signed; SHA-1 and MD5 have no name here (R31).
enum class SignedDigest { kSha256, kSha384, kSha512 };

/// What an RSA operation is for: a key may be fit for one of them only.
enum class RsaUse { kSign, kDecrypt };

/// Keys are named by their ckaid: 40 lower-case hexadecimal digits. Implementations may be called from any thread, and
/// block. NotFound: no such key; InvalidArgument: another kind of key, or a wrong length; PermissionDenied,
/// Unavailable, NotFound as the store is reached; Internal when it refuses.
class KeyOperations {
 public:
  virtual ~KeyOperations() = default;
  /// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER.
  [[nodiscard]] virtual absl::StatusOr<std::string> PublicKey(const std::string& ckaid) = 0;
  /// A signature over a digest that was computed already: ECDSA as DER (RFC 3279 §2.2.3), RSA as RSASSA-PKCS1-v1_5.
  [[nodiscard]] virtual absl::StatusOr<std::string> Sign(const std::string& ckaid, SignedDigest digest,
                                                         std::string_view digest_bytes) = 0;
  /// The bare RSA operation (RFC 8017 §5.1.2) on a block as long as the modulus. The caller has made the padding, or
  /// takes it off: TLS 1.3 signs so (RSASSA-PSS), CMS decrypts so (RSAES-OAEP). Never offer its answer to others.
  [[nodiscard]] virtual absl::StatusOr<common::SecretBytes> RsaPrivate(const std::string& ckaid, RsaUse use,
                                                                       std::string_view block) = 0;
  /// The x coordinate that an EC key agrees on with `point`, the other side's, uncompressed (SEC 1 §2.3.3, §3.3.1).
  [[nodiscard]] virtual absl::StatusOr<common::SecretBytes> Agree(const std::string& ckaid, std::string_view point) = 0;
};

}  // namespace henb::x2sec::core
