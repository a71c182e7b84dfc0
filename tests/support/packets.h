// Datagrams between nodes, and what is seen on the wire.
#pragma once

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

#include "common/ip_address.h"
#include "common/unique_fd.h"
#include "tests/support/node_pair.h"

namespace henb::tests {

inline sockaddr_in6 SocketAddress(const common::IpAddress& address, std::uint16_t port, socklen_t* size) {
  sockaddr_in6 storage{};
  if (address.is_v6()) {
    storage.sin6_family = AF_INET6;
    storage.sin6_port = htons(port);
    std::memcpy(&storage.sin6_addr, address.bytes().data(), 16);
    *size = sizeof(sockaddr_in6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data(), 4);
    std::memcpy(&storage, &v4, sizeof(v4));
    *size = sizeof(sockaddr_in);
  }
  return storage;
}

/// A socket of `node`, bound to address and port.
inline common::UniqueFd BoundSocket(const Node& node, int type, int protocol, const common::IpAddress& address,
                                    std::uint16_t port) {
  node.Enter();
  common::UniqueFd fd(socket(address.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  socklen_t size = 0;
  constexpr int kQueue = 8 << 20;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kQueue, sizeof(kQueue));
  const sockaddr_in6 here = SocketAddress(address, port, &size);
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), size) != 0) return {};
  return fd;
}

/// Sends one datagram; 0 or the errno.
inline int SendTo(const common::UniqueFd& fd, const common::IpAddress& peer, std::uint16_t port, std::uint32_t number) {
  socklen_t size = 0;
  const sockaddr_in6 there = SocketAddress(peer, port, &size);
  std::array<std::uint8_t, 64> packet{};
  std::memcpy(packet.data(), &number, sizeof(number));
  return sendto(fd.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&there), size) < 0 ? errno
                                                                                                                : 0;
}

/// The number of the next datagram, waiting `milliseconds` at most for it.
inline std::optional<std::uint32_t> ReceiveNumber(const common::UniqueFd& fd, int milliseconds) {
  pollfd ready{fd.get(), POLLIN, 0};
  if (poll(&ready, 1, milliseconds) != 1) return std::nullopt;
  std::array<std::uint8_t, 128> packet{};
  if (recv(fd.get(), packet.data(), packet.size(), 0) < 4) return std::nullopt;
  std::uint32_t number = 0;
  std::memcpy(&number, packet.data(), sizeof(number));
  return number;
}

/// Every frame that leaves the node by "x2", counted by what its IP header says comes next. (Of those that arrive, a
/// packet socket sees the ESP packet and then, once more, what was in it.)
class Wire {
 public:
  explicit Wire(const Node& node) {
    node.Enter();
    fd_ = common::UniqueFd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    sockaddr_ll link{};
    link.sll_family = AF_PACKET;
    link.sll_protocol = htons(ETH_P_ALL);
    link.sll_ifindex = static_cast<int>(if_nametoindex("x2"));
    (void)bind(fd_.get(), reinterpret_cast<const sockaddr*>(&link), sizeof(link));
  }
  /// Packets of this protocol (UDP, SCTP, ESP) seen since the last call of Read.
  [[nodiscard]] int Count(std::uint8_t protocol) const { return counts_.at(protocol); }
  void Read() {
    counts_ = {};
    std::array<std::uint8_t, 256> packet{};
    sockaddr_ll from{};
    socklen_t size = sizeof(from);
    for (ssize_t n = 0;
         (n = recvfrom(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), &size)) > 0;) {
      if (from.sll_pkttype != PACKET_OUTGOING || n < 40) continue;
      if (from.sll_protocol == htons(ETH_P_IP)) ++counts_.at(packet[9]);
      if (from.sll_protocol == htons(ETH_P_IPV6)) ++counts_.at(packet[6]);
    }
  }

 private:
  common::UniqueFd fd_;
  std::array<int, 256> counts_{};
};

}  // namespace henb::tests
