// The port to a key-encryption key (KEK): what seals epoch roots, wherever it lies.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

namespace henb::keydist::domain {

constexpr std::size_t kKekSize = 32;
constexpr std::size_t kKekIdSize = 8;
constexpr std::size_t kSealNonceSize = 12;
constexpr std::size_t kSealTagSize = 16;
using SealNonce = std::array<std::uint8_t, kSealNonceSize>;

/// AES-256-GCM under one key. Any thread; a call may block on the device that holds the key. Unavailable: the device
/// does not do it now, and says why.
class Kek {
 public:
  virtual ~Kek() = default;
  /// Tells KEKs apart and tells nothing about them; kKekIdSize octets, the same wherever the same key lies in a place
  /// of the same kind.
  [[nodiscard]] virtual const std::string& id() const = 0;
  /// For people: where it lies.
  [[nodiscard]] virtual const std::string& place() const = 0;
  /// Ciphertext ‖ tag.
  [[nodiscard]] virtual absl::StatusOr<std::string> Encrypt(const SealNonce& nonce, std::string_view additional,
                                                            const common::SecretBytes& plain) = 0;
  /// DataLoss: altered, or not sealed like this by this key.
  [[nodiscard]] virtual absl::StatusOr<common::SecretBytes> Decrypt(const SealNonce& nonce, std::string_view additional,
                                                                    std::string_view sealed) = 0;
  /// Not OK: it cannot be used now. For the health, now and then.
  [[nodiscard]] virtual absl::Status Check() { return absl::OkStatus(); }
};

}  // namespace henb::keydist::domain
