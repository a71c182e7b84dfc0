// Sealing of epoch roots for the store: AES-256-GCM under a key-encryption key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/random.h"
#include "common/secret_bytes.h"
#include "keydist-server/domain/kek.h"

namespace henb::keydist::domain {

/// The KEKs that are at hand: the wanted one, and those that it takes over from. Copies share them. Any thread.
///
/// A sealed root: version (1) ‖ id of the KEK (8) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16) = 69 octets. The additional
/// data binds version, KEK and epoch number: a root moved to another epoch does not open. Nonces are random; a KEK
/// seals a root a day and a handful at a change of the KEK, far below the 2^32 of SP 800-38D §8.3.
class RootSealer {
 public:
  static constexpr std::size_t kSealedSize = 69;

  /// The first is the wanted one. InvalidArgument: none, or two that are the same.
  [[nodiscard]] static absl::StatusOr<RootSealer> Of(std::vector<std::shared_ptr<Kek>> keks);
  /// One, of these octets. InvalidArgument unless there are kKekSize.
  [[nodiscard]] static absl::StatusOr<RootSealer> Make(common::SecretBytes kek);

  /// Under the KEK `id`. FailedPrecondition: it is not at hand. Unavailable: its device does not answer.
  [[nodiscard]] absl::StatusOr<std::string> Seal(std::string_view id, std::uint64_t epoch,
                                                 const common::SecretBytes& root, common::Random& random) const;
  /// FailedPrecondition: sealed under a KEK that is not at hand (says which). DataLoss: altered, or of another epoch.
  /// Unavailable: its device does not answer.
  [[nodiscard]] absl::StatusOr<common::SecretBytes> Open(std::uint64_t epoch, std::string_view sealed) const;

  /// The wanted one's.
  [[nodiscard]] const std::string& id() const { return keks_.front()->id(); }
  [[nodiscard]] bool Has(std::string_view id) const { return Find(id) != nullptr; }
  [[nodiscard]] const std::vector<std::shared_ptr<Kek>>& keks() const { return keks_; }

 private:
  explicit RootSealer(std::vector<std::shared_ptr<Kek>> keks) : keks_(std::move(keks)) {}
  [[nodiscard]] Kek* Find(std::string_view id) const;
  std::vector<std::shared_ptr<Kek>> keks_;
};

/// The id of the KEK that `sealed` names; empty when it is not a sealed root.
[[nodiscard]] std::string_view KekIdOf(std::string_view sealed);

}  // namespace henb::keydist::domain
