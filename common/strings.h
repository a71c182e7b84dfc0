// Abseil's string functions for std::string_view: Debian builds Abseil with a string_view of its own, which does not
// convert.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace henb::common {

[[nodiscard]] inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
[[nodiscard]] inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

namespace internal {
template <typename T>
decltype(auto) Piece(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return ToAbsl(std::string_view(value));
  } else {
    return (value);
  }
}
}  // namespace internal

/// absl::StrCat, also of std::string_view.
template <typename... T>
[[nodiscard]] std::string StrCat(const T&... parts) {
  return absl::StrCat(internal::Piece(parts)...);
}

template <typename... T>
void StrAppend(std::string* out, const T&... parts) {
  absl::StrAppend(out, internal::Piece(parts)...);
}

/// Outside text made fit for a message: control characters and non-ASCII as \xNN, cut after `most` octets.
[[nodiscard]] std::string Quoted(std::string_view text, std::size_t most = 80);

/// Pieces between `separator`s; the views point into `text`. An empty text gives one empty piece.
[[nodiscard]] std::vector<std::string_view> Split(std::string_view text, char separator);

/// `parts` with `separator` between them.
[[nodiscard]] std::string Join(const std::vector<std::string>& parts, std::string_view separator);

/// A whole decimal number that fills the text and fits T.
template <typename T>
[[nodiscard]] std::optional<T> ParseNumber(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Lower-case hexadecimal of octets, and back (nullopt when it is not hexadecimal). Not for secrets:
/// SecretBytes::AppendHex.
[[nodiscard]] std::string ToHex(std::string_view bytes);
[[nodiscard]] std::optional<std::string> FromHex(std::string_view text);

}  // namespace henb::common
