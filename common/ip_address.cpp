#include "common/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "common/strings.h"

namespace henb::common {
namespace {

bool SamePrefix(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, int bits) {
  const int whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), static_cast<std::size_t>(whole)) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

absl::Status NotCidr(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(StrCat(Quoted(text), " is not a CIDR", why));
}

}  // namespace

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);
  IpAddress out;
  if (copy.find('\0') == std::string::npos) {
    if (inet_pton(AF_INET, copy.c_str(), out.bytes_.data()) == 1) {
      out.family_ = AF_INET;
      return out;
    }
    if (inet_pton(AF_INET6, copy.c_str(), out.bytes_.data()) == 1) {
      out.family_ = AF_INET6;
      return out;
    }
  }
  return absl::InvalidArgumentError(StrCat(Quoted(text), " is not an IP address"));
}

absl::StatusOr<IpAddress> IpAddress::FromBytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    return absl::InvalidArgumentError(StrCat("an IP address has 4 or 16 octets, not ", bytes.size()));
  }
  IpAddress out;
  out.family_ = bytes.size() == 4 ? AF_INET : AF_INET6;
  std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
  return out;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family_ != AF_UNSPEC) inet_ntop(family_, bytes_.data(), text, sizeof text);
  return text;
}

absl::StatusOr<Cidr> Cidr::Parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return NotCidr(text, ": there is no /");
  Cidr out;
  auto network = IpAddress::Parse(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  const int most = network.ok() && network->is_v6() ? 128 : 32;
  const bool digits = !length.empty() && length.size() <= 3 &&
                      std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!network.ok() || !digits || (out.prefix_length_ = ParseNumber<int>(length).value_or(999)) > most) {
    return NotCidr(text, "");
  }
  out.network_ = *network;
  const auto bytes = network->bytes();
  for (int bit = out.prefix_length_; bit < most; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return NotCidr(text, ": there are host bits set");
  }
  return out;
}

bool Cidr::Contains(const IpAddress& address) const {
  return address.family() == network_.family() && network_.family() != AF_UNSPEC &&
         SamePrefix(address.bytes(), network_.bytes(), prefix_length_);
}

bool Cidr::Contains(const Cidr& other) const {
  return other.prefix_length_ >= prefix_length_ && Contains(other.network_);
}

std::string Cidr::ToString() const { return StrCat(network_.ToString(), "/", prefix_length_); }

}  // namespace henb::common
