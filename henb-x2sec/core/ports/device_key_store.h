// The port to private keys that are made in their store and never leave it (R33).
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "henb-x2sec/core/ports/key_operations.h"

namespace henb::x2sec::core {

/// Keys are named by their ckaid, as in CertificateStore: 40 lower-case hexadecimal digits. Implementations may be
/// called from any thread, and block.
class DeviceKeyStore : public KeyOperations {
 public:
  /// Makes an EC P-256 key, kept from this moment on, not extractable; answers its ckaid.
  [[nodiscard]] virtual absl::StatusOr<std::string> GenerateKey() = 0;
  /// As CertificateStore's.
  [[nodiscard]] virtual absl::StatusOr<std::string> ImportCertificate(const common::Certificate& certificate) = 0;
  /// This very certificate is here.
  [[nodiscard]] virtual absl::StatusOr<bool> HasCertificate(const common::Certificate& certificate) = 0;
  /// Ckaids of private keys that no certificate here belongs to, whoever made them; in a token, which others may use as
  /// well, only of those that GenerateKey made.
  [[nodiscard]] virtual absl::StatusOr<std::set<std::string>> KeysWithoutCertificate() = 0;
  /// The key, and its certificate where it has one. OK when gone already.
  [[nodiscard]] virtual absl::Status DeleteKey(const std::string& ckaid) = 0;
};

}  // namespace henb::x2sec::core
