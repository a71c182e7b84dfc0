#include "henb-x2sec/enrol/der_reader.h"

#include "common/strings.h"

namespace henb::x2sec::enrol {

absl::StatusOr<DerElement> DerReader::Next() {
  const auto octet = [this](std::size_t at) { return static_cast<std::uint8_t>(rest_[at]); };
  if (rest_.size() < 2) return absl::InvalidArgumentError("DER ends too early");
  if ((octet(0) & 0x1f) == 0x1f) return absl::InvalidArgumentError("DER has a high tag number");
  std::size_t header = 2;
  std::size_t length = octet(1);
  if (length >= 0x80) {
    const std::size_t count = length & 0x7f;
    if (count == 0 || count > 4) return absl::InvalidArgumentError("DER has an indefinite or excessive length");
    if (rest_.size() < 2 + count) return absl::InvalidArgumentError("DER ends too early");
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = (length << 8) | octet(2 + i);
    if (length < 0x80 || (count > 1 && octet(2) == 0))
      return absl::InvalidArgumentError("DER has a length that is not minimal");
    header += count;
  }
  if (length > rest_.size() - header) return absl::InvalidArgumentError("DER ends too early");
  const DerElement element{octet(0), rest_.substr(header, length), rest_.substr(0, header + length)};
  rest_.remove_prefix(header + length);
  return element;
}

absl::StatusOr<DerElement> DerReader::Expect(std::uint8_t tag) {
  if (!NextIs(tag)) {
    const int found = rest_.empty() ? -1 : static_cast<std::uint8_t>(rest_[0]);
    return absl::InvalidArgumentError(
        common::StrCat("DER has tag ", found, " where ", static_cast<int>(tag), " belongs"));
  }
  return Next();
}

}  // namespace henb::x2sec::enrol
