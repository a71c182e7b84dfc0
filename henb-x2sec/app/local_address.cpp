#include "henb-x2sec/app/local_address.h"

#include <ifaddrs.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "common/status.h"
#include "common/unique_fd.h"

namespace henb::x2sec::app {
namespace {

// Any port but a protected one: the second belt answers connect() to those with EPERM.
constexpr std::uint16_t kProbePort = 9;

socklen_t ToSockaddr(const common::IpAddress& address, sockaddr_storage* out) {
  std::memset(out, 0, sizeof *out);
  if (address.is_v6()) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(out);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(kProbePort);
    std::memcpy(&v6->sin6_addr, address.bytes().data(), 16);
    return sizeof *v6;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(out);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(kProbePort);
  std::memcpy(&v4->sin_addr, address.bytes().data(), 4);
  return sizeof *v4;
}

absl::StatusOr<common::IpAddress> FromSockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return common::IpAddress::FromBytes({reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr), 16});
  }
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return common::IpAddress::FromBytes({reinterpret_cast<const std::uint8_t*>(&v4->sin_addr), 4});
  }
  return absl::NotFoundError("no IP address");
}

std::string InterfaceOf(const common::IpAddress& local) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    const auto address = FromSockaddr(at->ifa_addr);
    if (address.ok() && *address == local) return at->ifa_name;
  }
  return "";
}

}  // namespace

absl::StatusOr<LocalRoute> RouteTo(const common::IpAddress& peer, const std::string& interface) {
  const common::UniqueFd fd(socket(peer.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket");
  if (!interface.empty() && setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                                       static_cast<socklen_t>(interface.size() + 1)) != 0) {
    return absl::NotFoundError(common::StrCat("interface ", interface, ": ", std::strerror(errno)));
  }
  sockaddr_storage address{};
  socklen_t length = ToSockaddr(peer, &address);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return absl::NotFoundError(common::StrCat("no route to ", peer.ToString(), ": ", std::strerror(errno)));
  }
  length = sizeof address;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return absl::ErrnoToStatus(errno, "getsockname");
  }
  LocalRoute route;
  ASSIGN_OR_RETURN(route.local, FromSockaddr(reinterpret_cast<sockaddr*>(&address)));
  route.interface = interface.empty() ? InterfaceOf(route.local) : interface;
  return route;
}

}  // namespace henb::x2sec::app
