#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace henb::lab {

/// An IPv4 or IPv6 address with a port, as the socket calls want it. A value.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  /// Nothing where `address` is not a literal IPv4 or IPv6 address.
  static std::optional<SocketAddress> Parse(const std::string& address, std::uint16_t port);

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

}  // namespace henb::lab
