// The port to private keys that are made in their store and never leave it (R33).
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"

namespace henb::x2sec::core {

/// Digests that may be signed; SHA-1 and MD5 have no name here (R31).
enum class SignedDigest { kSha256, kSha384, kSha512 };

/// Keys are named by their ckaid, as in CertificateStore: 40 lower-case hexadecimal digits. Implementations may be
/// called from any thread, and block.
class DeviceKeyStore {
 public:
  virtual ~DeviceKeyStore() = default;
  /// Makes an EC P-256 key, kept from this moment on, not extractable; answers its ckaid.
  [[nodiscard]] virtual absl::StatusOr<std::string> GenerateKey() = 0;
  /// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER. NotFound when there is no such key.
  [[nodiscard]] virtual absl::StatusOr<std::string> PublicKey(const std::string& ckaid) = 0;
  /// A signature over a digest that was computed already: ECDSA as DER (RFC 3279 §2.2.3), RSA as RSASSA-PKCS1-v1_5.
  /// NotFound; InvalidArgument when the digest's length is wrong; Internal when the store refuses.
  [[nodiscard]] virtual absl::StatusOr<std::string> Sign(const std::string& ckaid, SignedDigest digest,
                                                         std::string_view digest_bytes) = 0;
  /// Stores `certificate` beside the key it belongs to, and answers that key's ckaid. NotFound when the key is not
  /// here.
  [[nodiscard]] virtual absl::StatusOr<std::string> ImportCertificate(const common::Certificate& certificate) = 0;
  /// This very certificate is here.
  [[nodiscard]] virtual absl::StatusOr<bool> HasCertificate(const common::Certificate& certificate) = 0;
  /// Ckaids of private keys that no certificate here belongs to, whoever made them.
  [[nodiscard]] virtual absl::StatusOr<std::set<std::string>> KeysWithoutCertificate() = 0;
  /// The key, and its certificate where it has one. OK when gone already.
  [[nodiscard]] virtual absl::Status DeleteKey(const std::string& ckaid) = 0;
};

}  // namespace henb::x2sec::core
