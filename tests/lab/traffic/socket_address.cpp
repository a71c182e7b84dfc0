#include "tests/lab/traffic/socket_address.h"

#include <arpa/inet.h>

namespace henb::lab {

std::optional<SocketAddress> SocketAddress::Parse(const std::string& address, std::uint16_t port) {
  SocketAddress made;
  auto* four = reinterpret_cast<sockaddr_in*>(&made.storage);
  if (inet_pton(AF_INET, address.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    made.size = sizeof(sockaddr_in);
    return made;
  }
  auto* six = reinterpret_cast<sockaddr_in6*>(&made.storage);
  if (inet_pton(AF_INET6, address.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    made.size = sizeof(sockaddr_in6);
    return made;
  }
  return std::nullopt;
}

}  // namespace henb::lab
