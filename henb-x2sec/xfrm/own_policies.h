// Which kernel policies are x2secd's own, what they say, and how a dump is read back. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/xfrm/kernel_policy.h"

namespace henb::x2sec::xfrm {

/// pluto's host-to-host policies have 1753281. A policy is ours when its priority is one of these and its selector is
/// what the functions below make; nothing else is ever changed or deleted.
inline constexpr std::uint32_t kClearPriority = 900;
inline constexpr std::uint32_t kPinPriority = 1000;
inline constexpr std::uint32_t kTunnelPinPriority = 1753282;  // pluto's for a /32 and the narrowest network: 1753283
inline constexpr std::uint32_t kBeltPriority = 4294967000U;

using Ports = std::set<core::ProtectedPort>;

/// For each port its destination and its source variant: outbound encrypted with `spi_out`, inbound ESP of the pair
/// required. Without `spi_out` the outbound ones block: a template without an SA would drop too, but only after asking
/// the IKE daemon for an SA (acquire), which then starts a child SA that nobody planned. The template stays on the
/// blocking policy, unused by the kernel, so that a dump tells the reqid.
[[nodiscard]] std::vector<KernelPolicy> PoliciesOf(const core::Pin& pin, const Ports& ports);
/// In and out, one for each half of the network: the kernel holds one policy for a selector, and that of the whole
/// network is pluto's, which comes and goes with its connections. Empty for a network that has no halves.
[[nodiscard]] std::vector<KernelPolicy> PoliciesOf(const core::TunnelPin& pin);
/// In and out, allowed without IPsec.
[[nodiscard]] std::vector<KernelPolicy> PoliciesOf(const core::ClearPair& pair, const Ports& ports);
/// In, out and forwarded, IPv4 and IPv6, any address: blocked.
[[nodiscard]] std::vector<KernelPolicy> BeltPolicies(const Ports& ports);

/// True for the four priorities.
[[nodiscard]] bool IsOwnPriority(std::uint32_t priority);

struct OwnPolicies {
  std::vector<core::Pin> pins;
  std::vector<core::Pin> broken_pins;
  std::vector<core::ClearPair> clear_pairs;
  std::vector<core::ClearPair> broken_clear_pairs;
  std::vector<core::TunnelPin> tunnel_pins;
  std::vector<core::TunnelPin> broken_tunnel_pins;
  bool belt_whole = false;
};
/// Finds ours among all of the host's policies. Ports that are not in `ports` are nobody's of ours.
[[nodiscard]] OwnPolicies Recognise(const std::vector<KernelPolicy>& dump, const Ports& ports);

}  // namespace henb::x2sec::xfrm
