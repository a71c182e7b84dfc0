#include "henb-x2sec/xfrm/own_policies.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "common/strings.h"

namespace henb::x2sec::xfrm {
namespace {

using common::IpAddress;
using Pair = std::pair<IpAddress, IpAddress>;  // local, peer

std::uint8_t ProtocolNumber(core::ProtectedPort::Protocol protocol) {
  return protocol == core::ProtectedPort::Protocol::kSctp ? IPPROTO_SCTP : IPPROTO_UDP;
}

int HostPrefix(const IpAddress& address) { return address.is_v6() ? 128 : 32; }

/// The selector's two variants: the port as destination, the port as source.
template <typename Each>
void ForPortVariants(PolicySelector selector, const Ports& ports, const Each& each) {
  for (const core::ProtectedPort& port : ports) {
    selector.protocol = ProtocolNumber(port.protocol);
    selector.destination_port = port.port;
    selector.source_port.reset();
    each(selector);
    selector.source_port = port.port;
    selector.destination_port.reset();
    each(selector);
  }
}

PolicySelector HostSelector(Direction direction, const IpAddress& source, const IpAddress& destination) {
  return {direction, source, HostPrefix(source), destination, HostPrefix(destination), 0, {}, {}};
}

/// The pair that a host-to-host policy of a protected port belongs to.
std::optional<Pair> PairOf(const KernelPolicy& policy, const Ports& ports) {
  const PolicySelector& s = policy.selector;
  if (s.direction == Direction::kForward || s.source.family() != s.destination.family()) return std::nullopt;
  if (s.source_prefix != HostPrefix(s.source) || s.destination_prefix != HostPrefix(s.destination)) return std::nullopt;
  if (s.source_port.has_value() == s.destination_port.has_value()) return std::nullopt;
  const std::uint16_t number = s.source_port ? *s.source_port : *s.destination_port;
  const bool is_protected = std::any_of(ports.begin(), ports.end(), [&](const core::ProtectedPort& port) {
    return port.port == number && ProtocolNumber(port.protocol) == s.protocol;
  });
  if (!is_protected) return std::nullopt;
  return s.direction == Direction::kOut ? Pair{s.source, s.destination} : Pair{s.destination, s.source};
}

/// The network of `prefix` bits that `address` is in, with the last of them set to `last` where that is given.
std::pair<IpAddress, int> Cut(const IpAddress& address, int prefix, std::optional<bool> last = std::nullopt) {
  std::array<std::uint8_t, 16> octets{};
  const auto bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), octets.begin());
  const std::size_t size = bytes.size();
  for (std::size_t bit = static_cast<std::size_t>(prefix); bit < 8 * size; ++bit) {
    octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  if (last && prefix > 0) {
    const std::size_t bit = static_cast<std::size_t>(prefix) - 1;
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    octets[bit / 8] = static_cast<std::uint8_t>(*last ? octets[bit / 8] | mask : octets[bit / 8] & ~mask);
  }
  return {*IpAddress::FromBytes(std::span(octets).first(size)), prefix};
}

/// An address of ours and the network that this policy covers the half of.
using TunnelKey = std::pair<IpAddress, std::pair<IpAddress, int>>;
std::optional<TunnelKey> TunnelOf(const KernelPolicy& policy) {
  const PolicySelector& s = policy.selector;
  if (s.direction == Direction::kForward || s.protocol != 0 || s.source_port || s.destination_port) return std::nullopt;
  const bool out = s.direction == Direction::kOut;
  const IpAddress& local = out ? s.source : s.destination;
  const int prefix = out ? s.destination_prefix : s.source_prefix;
  if ((out ? s.source_prefix : s.destination_prefix) != HostPrefix(local) || prefix == 0) return std::nullopt;
  return TunnelKey{local, Cut(out ? s.destination : s.source, prefix - 1)};
}

using PolicyMap = std::map<PolicySelector, const KernelPolicy*>;

bool Holds(const PolicyMap& there, const std::vector<KernelPolicy>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const KernelPolicy& policy) {
    const auto found = there.find(policy.selector);
    return found != there.end() && found->second->Same(policy);
  });
}

/// The pin that the policies of a pair most likely were: told by the first outbound one, else as far as inbound ones
/// tell.
core::Pin GuessPin(const Pair& pair, const PolicyMap& there) {
  core::Pin pin;
  pin.local = pin.local_end = pair.first;
  pin.peer = pin.peer_end = pair.second;
  for (const Direction direction : {Direction::kIn, Direction::kOut}) {
    for (const auto& [selector, policy] : there) {
      if (selector.direction != direction || !policy->sa) continue;
      const bool out = direction == Direction::kOut;
      pin.local_end = out ? policy->sa->source : policy->sa->destination;
      pin.peer_end = out ? policy->sa->destination : policy->sa->source;
      pin.transport_mode = !policy->sa->tunnel;
      pin.reqid = policy->sa->reqid;
      pin.spi_out.reset();
      if (!policy->block && policy->sa->spi != 0) pin.spi_out = policy->sa->spi;
      break;
    }
  }
  return pin;
}

core::TunnelPin GuessTunnelPin(const TunnelKey& key, const PolicyMap& there) {
  core::TunnelPin pin;
  pin.local = key.first;
  pin.network = *common::Cidr::Parse(common::StrCat(key.second.first.ToString(), "/", key.second.second));
  for (const auto& [selector, policy] : there) {
    if (selector.direction == Direction::kIn && policy->sa) {
      pin.from_any_peer = policy->sa->source == Cut(policy->sa->source, 0).first;
    }
    if (selector.direction != Direction::kOut || !policy->sa) continue;
    pin.local_end = policy->sa->source;
    pin.peer_end = policy->sa->destination;
    pin.reqid = policy->sa->reqid;
    if (policy->sa->spi != 0) pin.spi_out = policy->sa->spi;
  }
  return pin;
}

}  // namespace

bool IsOwnPriority(std::uint32_t priority) {
  return priority == kClearPriority || priority == kPinPriority || priority == kTunnelPinPriority ||
         priority == kBeltPriority;
}

std::vector<KernelPolicy> PoliciesOf(const core::TunnelPin& pin) {
  std::vector<KernelPolicy> policies;
  const int prefix = pin.network.prefix_length() + 1;
  if (prefix > HostPrefix(pin.network.network())) return policies;
  const IpAddress any = Cut(pin.local_end, 0).first;
  for (const bool upper : {false, true}) {
    const auto [half, bits] = Cut(pin.network.network(), prefix, upper);
    KernelPolicy policy;
    policy.priority = kTunnelPinPriority;
    policy.selector = {Direction::kOut, pin.local, HostPrefix(pin.local), half, bits, 0, {}, {}};
    policy.sa = PolicyTemplate{pin.local_end, pin.peer_end, pin.spi_out.value_or(0), pin.reqid, true, true};
    policies.push_back(policy);
    policy.selector = {Direction::kIn, half, bits, pin.local, HostPrefix(pin.local), 0, {}, {}};
    policy.sa = PolicyTemplate{pin.from_any_peer ? any : pin.peer_end, pin.local_end, 0, 0, true, true};
    policies.push_back(policy);
  }
  return policies;
}

std::vector<KernelPolicy> PoliciesOf(const core::Pin& pin, const Ports& ports) {
  std::vector<KernelPolicy> policies;
  KernelPolicy out;
  out.priority = kPinPriority;
  out.block = !pin.spi_out.has_value();
  out.sa = PolicyTemplate{pin.local_end, pin.peer_end, pin.spi_out.value_or(0), pin.reqid, !pin.transport_mode, true};
  ForPortVariants(HostSelector(Direction::kOut, pin.local, pin.peer), ports, [&](const PolicySelector& selector) {
    out.selector = selector;
    policies.push_back(out);
  });
  KernelPolicy in;
  in.priority = kPinPriority;
  in.sa = PolicyTemplate{pin.peer_end, pin.local_end, 0, 0, !pin.transport_mode, true};
  ForPortVariants(HostSelector(Direction::kIn, pin.peer, pin.local), ports, [&](const PolicySelector& selector) {
    in.selector = selector;
    policies.push_back(in);
  });
  return policies;
}

std::vector<KernelPolicy> PoliciesOf(const core::ClearPair& pair, const Ports& ports) {
  std::vector<KernelPolicy> policies;
  KernelPolicy policy;
  policy.priority = kClearPriority;
  const auto add = [&](const PolicySelector& selector) {
    policy.selector = selector;
    policies.push_back(policy);
  };
  ForPortVariants(HostSelector(Direction::kOut, pair.local, pair.peer), ports, add);
  ForPortVariants(HostSelector(Direction::kIn, pair.peer, pair.local), ports, add);
  return policies;
}

std::vector<KernelPolicy> BeltPolicies(const Ports& ports) {
  static constexpr std::array<std::uint8_t, 16> kZero{};
  std::vector<KernelPolicy> policies;
  KernelPolicy policy;
  policy.priority = kBeltPriority;
  policy.block = true;
  for (const std::size_t size : {4U, 16U}) {
    const IpAddress any = *IpAddress::FromBytes(std::span(kZero).first(size));
    for (const Direction direction : {Direction::kIn, Direction::kOut, Direction::kForward}) {
      ForPortVariants({direction, any, 0, any, 0, 0, {}, {}}, ports, [&](const PolicySelector& selector) {
        policy.selector = selector;
        policies.push_back(policy);
      });
    }
  }
  return policies;
}

OwnPolicies Recognise(const std::vector<KernelPolicy>& dump, const Ports& ports) {
  std::map<Pair, PolicyMap> pins;
  std::map<Pair, PolicyMap> clear;
  std::map<TunnelKey, PolicyMap> tunnels;
  PolicyMap belt;
  for (const KernelPolicy& policy : dump) {
    if (!policy.plain) continue;
    if (policy.priority == kBeltPriority) belt.emplace(policy.selector, &policy);
    if (policy.priority == kTunnelPinPriority) {
      if (const auto tunnel = TunnelOf(policy)) tunnels[*tunnel].emplace(policy.selector, &policy);
    }
    if (policy.priority != kPinPriority && policy.priority != kClearPriority) continue;
    const auto pair = PairOf(policy, ports);
    if (pair) (policy.priority == kPinPriority ? pins : clear)[*pair].emplace(policy.selector, &policy);
  }
  OwnPolicies own;
  own.belt_whole = Holds(belt, BeltPolicies(ports));
  for (const auto& [pair, there] : pins) {
    const core::Pin pin = GuessPin(pair, there);
    (Holds(there, PoliciesOf(pin, ports)) ? own.pins : own.broken_pins).push_back(pin);
  }
  for (const auto& [key, there] : tunnels) {
    const core::TunnelPin pin = GuessTunnelPin(key, there);
    (Holds(there, PoliciesOf(pin)) ? own.tunnel_pins : own.broken_tunnel_pins).push_back(pin);
  }
  for (const auto& [pair, there] : clear) {
    const core::ClearPair value{pair.first, pair.second};
    (Holds(there, PoliciesOf(value, ports)) ? own.clear_pairs : own.broken_clear_pairs).push_back(value);
  }
  return own;
}

}  // namespace henb::x2sec::xfrm
