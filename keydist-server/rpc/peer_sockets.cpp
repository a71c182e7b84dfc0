#include "keydist-server/rpc/peer_sockets.h"

#include <dirent.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "common/strings.h"

namespace henb::keydist::rpc {
namespace {

/// What `ask` (getsockname, getpeername) says.
template <typename Ask>
std::optional<PeerSocket> Asked(int fd, const Ask& ask) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  const PeerSocket out = PeerOf(fd, address);
  return out.address.family() == AF_UNSPEC ? std::nullopt : std::optional(out);
}

}  // namespace

PeerSocket PeerOf(int fd, const sockaddr_storage& address) {
  PeerSocket out{.fd = fd, .address = {}, .port = 0};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    out.address = *common::IpAddress::FromBytes({reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4});
    out.port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    out.address =
        *common::IpAddress::FromBytes({v6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? std::size_t{4} : 16});
    out.port = ntohs(v6.sin6_port);
  }
  return out;
}

void ForEachPeerSocket(std::uint16_t port, const std::function<bool(const PeerSocket&)>& see) {
  DIR* const fds = opendir("/proc/self/fd");
  if (fds == nullptr) return;
  const absl::Cleanup close = [fds] { closedir(fds); };
  while (const dirent* const entry = readdir(fds)) {
    const auto fd = common::ParseNumber<int>(entry->d_name);
    if (!fd) continue;
    const auto peer = Asked(*fd, getpeername);
    if (!peer) continue;
    const auto local = Asked(*fd, getsockname);
    if (!local || local->port != port) continue;
    if (!see(*peer)) return;
  }
}

}  // namespace henb::keydist::rpc
