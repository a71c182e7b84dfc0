// The identity of a HeNB or eNB on X2.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::common {

/// A lower-case ASCII FQDN of at most 200 octets, no trailing dot, no wildcard: the one dNSName in the certificate's
/// SAN (RFC 4945 §3.1.2 ID_FQDN; RFC 1123 labels). Ordered bytewise: the lower identity initiates. A value; any thread.
class HenbId {
 public:
  static constexpr std::size_t kMaxLength = 200;

  HenbId() = default;
  /// InvalidArgument says what is wrong and quotes the text.
  [[nodiscard]] static absl::StatusOr<HenbId> Parse(std::string_view text);

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend auto operator<=>(const HenbId&, const HenbId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const HenbId& id) {
    return H::combine(std::move(h), id.text_);
  }

 private:
  explicit HenbId(std::string_view text) : text_(text) {}
  std::string text_;
};

}  // namespace henb::common
