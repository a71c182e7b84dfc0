// Hexadecimal digits without memory of their own: for what is done for every record. Pure.
#pragma once

#include <string>
#include <string_view>

namespace henb::keydist::domain {

/// Two lower-case digits for each octet.
inline void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto octet = static_cast<unsigned char>(c);
    out->push_back(kHex[octet >> 4]);
    out->push_back(kHex[octet & 15]);
  }
}

}  // namespace henb::keydist::domain
