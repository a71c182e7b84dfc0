// SHA-256 digests as values: SPKI hashes, policy digests.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::common {

/// 32 octets. Written as 64 lower-case hexadecimal digits. A value; any thread.
class Sha256Digest {
 public:
  Sha256Digest() = default;
  [[nodiscard]] static Sha256Digest Of(std::string_view data);
  /// InvalidArgument unless exactly 64 lower-case hexadecimal digits.
  [[nodiscard]] static absl::StatusOr<Sha256Digest> ParseHex(std::string_view text);
  [[nodiscard]] static absl::StatusOr<Sha256Digest> FromBytes(std::string_view bytes);
  [[nodiscard]] std::string ToHex() const;
  [[nodiscard]] std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  friend auto operator<=>(const Sha256Digest&, const Sha256Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Sha256Digest& d) {
    return H::combine(std::move(h), d.bytes_);
  }

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

/// A trust anchor is known by the hash of its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): the same issuer DN with another
/// key is a different CA (R8).
using SpkiHash = Sha256Digest;

}  // namespace henb::common
