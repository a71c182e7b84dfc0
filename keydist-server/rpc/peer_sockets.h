// The TCP connections that this process has, as the kernel sees them.
#pragma once

#include <cstdint>
#include <functional>

#include "common/ip_address.h"

namespace henb::keydist::rpc {

struct PeerSocket {
  int fd = -1;  ///< Somebody else's, who may close it at any moment.
  common::IpAddress address;
  std::uint16_t port = 0;
};

/// Every connection of this process at its local `port`, until `see` says false. Looks through all its descriptors:
/// some milliseconds for ten thousand. Any thread.
void ForEachPeerSocket(std::uint16_t port, const std::function<bool(const PeerSocket&)>& see);

/// Of a kernel's answer; an IPv4 address in IPv6 clothes is the IPv4 address. Family AF_UNSPEC: neither.
[[nodiscard]] PeerSocket PeerOf(int fd, const sockaddr_storage& address);

}  // namespace henb::keydist::rpc
