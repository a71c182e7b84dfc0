#include "henb-x2sec/xfrm/netlink_socket.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "common/status.h"

namespace henb::x2sec::xfrm {
namespace {

constexpr std::size_t kBufferSize = 64U << 10;  // The kernel's dumps come in at most 32 KiB.
constexpr int kQueueSize = 4 << 20;             // Events of hundreds of SAs that come and go at once.
constexpr timeval kDeadline{2, 0};

absl::Status ErrnoStatus(int error, std::string_view what) { return absl::ErrnoToStatus(error, common::ToAbsl(what)); }

}  // namespace

void NetlinkSocket::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

NetlinkSocket::NetlinkSocket(mnl_socket* socket, Wait wait) : socket_(socket), wait_(wait), buffer_(kBufferSize) {}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol, std::uint32_t groups, Wait wait) {
  mnl_socket* raw = mnl_socket_open2(protocol, SOCK_CLOEXEC | (wait == Wait::kNever ? SOCK_NONBLOCK : 0));
  if (raw == nullptr) return ErrnoStatus(errno, "opening a netlink socket");
  NetlinkSocket socket(raw, wait);
  const int fd = socket.fd();
  if (wait == Wait::kUntilDeadline && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kDeadline, sizeof(kDeadline)) != 0) {
    return ErrnoStatus(errno, "setting the deadline of a netlink socket");
  }
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN; a smaller queue loses events earlier, which is noticed.
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kQueueSize, sizeof(kQueueSize));
  if (mnl_socket_bind(raw, groups, MNL_SOCKET_AUTOPID) < 0) return ErrnoStatus(errno, "binding a netlink socket");
  return socket;
}

int NetlinkSocket::fd() const { return mnl_socket_get_fd(socket_.get()); }

std::uint32_t NetlinkSocket::port() const { return mnl_socket_get_portid(socket_.get()); }

absl::Status NetlinkSocket::Send(std::span<const std::uint8_t> messages) {
  const ssize_t sent = mnl_socket_sendto(socket_.get(), messages.data(), messages.size());
  if (sent < 0) return ErrnoStatus(errno, "sending to the kernel");
  if (static_cast<std::size_t>(sent) != messages.size()) return absl::InternalError("the kernel took half a message");
  return absl::OkStatus();
}

absl::StatusOr<NetlinkSocket::Received> NetlinkSocket::Receive(
    const std::function<void(std::span<const std::uint8_t>)>& use) {
  while (true) {
    sockaddr_nl sender{};
    iovec vector{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof(sender);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    const ssize_t size = recvmsg(fd(), &message, 0);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) return Received::kLost;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return ErrnoStatus(errno, "receiving from the kernel");
      if (wait_ == Wait::kNever) return Received::kNothing;
      return absl::DeadlineExceededError("the kernel did not answer within 2 s");
    }
    const bool whole = (message.msg_flags & MSG_TRUNC) == 0;
    const bool from_kernel = sender.nl_pid == 0;  // Others may write to a netlink port too.
    if (whole && from_kernel) use(std::span(buffer_.data(), static_cast<std::size_t>(size)));
    common::Zeroise(buffer_.data(), static_cast<std::size_t>(size));
    if (!from_kernel) continue;
    return whole ? Received::kData : Received::kLost;
  }
}

}  // namespace henb::x2sec::xfrm
