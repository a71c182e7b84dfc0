// IP addresses and networks as values.
#pragma once

#include <netinet/in.h>

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::common {

/// An IPv4 or IPv6 address without scope. A value; any thread.
class IpAddress {
 public:
  IpAddress() = default;
  /// InvalidArgument quotes the text. No names, no ports, no zone.
  [[nodiscard]] static absl::StatusOr<IpAddress> Parse(std::string_view text);
  /// 4 or 16 octets in network order.
  [[nodiscard]] static absl::StatusOr<IpAddress> FromBytes(std::span<const std::uint8_t> bytes);

  [[nodiscard]] int family() const { return family_; }  ///< AF_INET, AF_INET6, or AF_UNSPEC when default-made.
  [[nodiscard]] bool is_v6() const { return family_ == AF_INET6; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), is_v6() ? 16U : 4U}; }
  [[nodiscard]] std::string ToString() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.family_, a.bytes_);
  }

 private:
  int family_ = AF_UNSPEC;
  std::array<std::uint8_t, 16> bytes_{};
};

/// A network in CIDR notation. Host bits must be zero: "10.0.0.1/8" is more likely a mistake than a wish.
class Cidr {
 public:
  Cidr() = default;
  [[nodiscard]] static absl::StatusOr<Cidr> Parse(std::string_view text);
  [[nodiscard]] bool Contains(const IpAddress& address) const;
  /// True when every address of `other` is in this network.
  [[nodiscard]] bool Contains(const Cidr& other) const;
  [[nodiscard]] const IpAddress& network() const { return network_; }
  [[nodiscard]] int prefix_length() const { return prefix_length_; }
  [[nodiscard]] std::string ToString() const;
  friend auto operator<=>(const Cidr&, const Cidr&) = default;

 private:
  IpAddress network_;
  int prefix_length_ = 0;
};

}  // namespace henb::common
