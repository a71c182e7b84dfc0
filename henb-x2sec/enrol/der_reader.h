// Walking through DER (X.690), as far as a PKIMessage needs it.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::x2sec::enrol {

/// One element. Views into the buffer that was read.
struct DerElement {
  static constexpr std::uint8_t kInteger = 0x02;
  static constexpr std::uint8_t kBitString = 0x03;
  static constexpr std::uint8_t kOctetString = 0x04;
  static constexpr std::uint8_t kSequence = 0x30;
  /// [number], constructed: an EXPLICIT tag, or an IMPLICIT one of a constructed type. number < 31.
  static constexpr std::uint8_t Context(int number) { return static_cast<std::uint8_t>(0xa0 | number); }

  std::uint8_t tag = 0;  ///< Identifier octet; high tag numbers are refused.
  std::string_view contents;
  std::string_view whole;
};

/// Reads elements one after the other; definite minimal lengths only. A value; does not own the buffer.
class DerReader {
 public:
  explicit DerReader(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  /// The next element is `tag`.
  [[nodiscard]] bool NextIs(std::uint8_t tag) const {
    return !rest_.empty() && static_cast<std::uint8_t>(rest_[0]) == tag;
  }
  /// InvalidArgument when what follows is not an element.
  [[nodiscard]] absl::StatusOr<DerElement> Next();
  /// The next element, which must be `tag`.
  [[nodiscard]] absl::StatusOr<DerElement> Expect(std::uint8_t tag);

 private:
  std::string_view rest_;
};

}  // namespace henb::x2sec::enrol
