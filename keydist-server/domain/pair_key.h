// Derivation of pair keys from an epoch's root (MESSAGES, "Pair key"; RFC 5869). Crypto++ stays behind this header.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

namespace henb::keydist::domain {

enum class Purpose : std::uint8_t { kIkePsk = 1, kPpk = 2 };

constexpr std::size_t kRootSize = 32;     ///< Octets of an epoch's root.
constexpr std::size_t kPairKeySize = 32;  ///< Octets of a pair key: 256 bits (R45).

/// One end of a pair as it goes into a key. `id` is a HenbId's text.
struct KeyEnd {
  std::string_view id;
  std::uint32_t generation = 0;
};

/// Derives the pair keys of one epoch. Holds what follows from the root (HKDF's PRK, expanded into the two inner states
/// of HMAC), zeroised when destroyed. Immutable: any thread, no lock, no allocation per key.
class EpochKeys {
 public:
  /// InvalidArgument unless `root` has kRootSize octets. The root stays the caller's to wipe.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<const EpochKeys>> FromRoot(std::uint64_t epoch,
                                                                                 const common::SecretBytes& root);
  ~EpochKeys();
  EpochKeys(const EpochKeys&) = delete;
  EpochKeys& operator=(const EpochKeys&) = delete;

  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  /// Writes the key of the unordered pair {one, other} to `out`. Identities have at most common::HenbId::kMaxLength
  /// octets and differ.
  void Derive(const KeyEnd& one, const KeyEnd& other, Purpose purpose, std::span<std::uint8_t, kPairKeySize> out) const;

 private:
  struct State;
  EpochKeys(std::uint64_t epoch, std::unique_ptr<State> state);
  std::uint64_t epoch_;
  std::unique_ptr<State> state_;
};

}  // namespace henb::keydist::domain
