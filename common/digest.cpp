#include "common/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

#include "common/strings.h"

namespace henb::common {

Sha256Digest Sha256Digest::Of(std::string_view data) {
  Sha256Digest out;
  // Without a digest two different things would look the same.
  if (EVP_Digest(data.data(), data.size(), out.bytes_.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return out;
}

absl::StatusOr<Sha256Digest> Sha256Digest::ParseHex(std::string_view text) {
  const bool hex = text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
                     return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                   });
  if (!hex) {
    return absl::InvalidArgumentError(
        StrCat(Quoted(text), " is not a SHA-256 digest (64 lower-case hexadecimal digits)"));
  }
  return FromBytes(*common::FromHex(text));
}

absl::StatusOr<Sha256Digest> Sha256Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != 32) {
    return absl::InvalidArgumentError(StrCat("a SHA-256 digest has 32 octets, not ", bytes.size()));
  }
  Sha256Digest out;
  std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
  return out;
}

std::string Sha256Digest::ToHex() const { return common::ToHex(bytes()); }

}  // namespace henb::common
