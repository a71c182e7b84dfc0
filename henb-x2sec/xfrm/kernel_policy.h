// A kernel IPsec policy (RFC 4301 §4.4.1, an SPD entry) as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/ip_address.h"

namespace henb::x2sec::xfrm {

enum class Direction : std::uint8_t { kIn, kOut, kForward };

/// The ESP SA that a policy asks for.
struct PolicyTemplate {
  common::IpAddress source;
  common::IpAddress destination;
  std::uint32_t spi = 0;  ///< 0: any.
  int reqid = 0;          ///< 0: any.
  bool tunnel = true;
  bool required = true;  ///< Else "use": without an SA the packet goes in clear.
  friend bool operator==(const PolicyTemplate&, const PolicyTemplate&) = default;
};

/// What decides which packets a policy is for. The kernel holds one policy for each direction and selector, whatever
/// its priority.
struct PolicySelector {
  Direction direction = Direction::kOut;
  common::IpAddress source;
  int source_prefix = 0;
  common::IpAddress destination;
  int destination_prefix = 0;
  std::uint8_t protocol = 0;  ///< IP protocol number; 0: any.
  std::optional<std::uint16_t> source_port;
  std::optional<std::uint16_t> destination_port;
  friend auto operator<=>(const PolicySelector&, const PolicySelector&) = default;
};

struct KernelPolicy {
  PolicySelector selector;
  bool block = false;
  std::uint32_t priority = 0;  ///< The lowest number wins.
  std::optional<PolicyTemplate> sa;
  /// False when something that this value does not hold narrows or alters the policy (interface, user, port range,
  /// mark, lifetime, several templates, another protocol than ESP, sub-policy): then it is not one of ours.
  bool plain = true;
  std::uint32_t index = 0;  ///< The kernel's name for it; 0 when it does not come from the kernel.

  /// Equal in everything but the index.
  [[nodiscard]] bool Same(const KernelPolicy& other) const;
};

/// "out 10.9.0.1/32 -> 10.9.0.2/32 udp dport 2152", for messages.
[[nodiscard]] std::string Describe(const PolicySelector& selector);

}  // namespace henb::x2sec::xfrm
