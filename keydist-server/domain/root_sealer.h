// Sealing of epoch roots for the store: AES-256-GCM under the key-encryption key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/random.h"
#include "common/secret_bytes.h"

namespace henb::keydist::domain {

/// Owns a key-encryption key (KEK). Immutable; any thread.
///
/// A sealed root: version (1) ‖ id of the KEK (8) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16) = 69 octets. The additional
/// data binds version, KEK and epoch number: a root moved to another epoch does not open. Nonces are random; a KEK
/// seals one root a day, far below the 2^32 of SP 800-38D §8.3.
class RootSealer {
 public:
  static constexpr std::size_t kKekSize = 32;
  static constexpr std::size_t kSealedSize = 69;

  /// InvalidArgument unless `kek` has kKekSize octets.
  [[nodiscard]] static absl::StatusOr<RootSealer> Make(common::SecretBytes kek);

  [[nodiscard]] std::string Seal(std::uint64_t epoch, const common::SecretBytes& root, common::Random& random) const;
  /// FailedPrecondition: sealed under another KEK (says both ids). DataLoss: altered, or of another epoch.
  [[nodiscard]] absl::StatusOr<common::SecretBytes> Open(std::uint64_t epoch, std::string_view sealed) const;
  /// 16 hexadecimal digits that tell KEKs apart and tell nothing about them.
  [[nodiscard]] std::string kek_id() const;

 private:
  explicit RootSealer(common::SecretBytes kek, std::string id) : kek_(std::move(kek)), id_(std::move(id)) {}
  common::SecretBytes kek_;
  std::string id_;  ///< 8 octets.
};

}  // namespace henb::keydist::domain
