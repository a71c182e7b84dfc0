#include "henb-x2sec/pluto/fingerprint.h"

#include "common/digest.h"
#include "common/strings.h"

namespace henb::x2sec::pluto {

std::uint32_t FingerprintOf(const std::vector<std::string>& words) {
  const std::string text = common::Join(words, std::string_view("\0", 1));
  const common::Sha256Digest digest = common::Sha256Digest::Of(text);
  std::uint32_t value = 0;
  for (const char octet : digest.bytes().substr(0, 4)) value = value << 8 | static_cast<std::uint8_t>(octet);
  value >>= 2;
  return value == 0 ? 1 : value;
}

}  // namespace henb::x2sec::pluto
