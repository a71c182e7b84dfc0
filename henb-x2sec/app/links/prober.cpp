#include "henb-x2sec/app/links/prober.h"

#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "common/log.h"

namespace henb::x2sec::app {
namespace {

constexpr std::size_t kPayload = 8;
constexpr std::uint16_t kIdentifier = 0x5832;  // "X2"

/// Raw sockets get a copy of every ICMP message of the host; nobody reads here, so the kernel is told to queue none.
common::UniqueFd OpenRaw(int family, int protocol) {
  common::UniqueFd fd(socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) {
    common::LogWarning("probe.no_socket",
                       {{"ipv6", family == AF_INET6}, {"error", absl::ErrnoToStatus(errno, "raw socket")}});
    return fd;
  }
  sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &drop_all};
  setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  return fd;
}

/// RFC 1071. The kernel does it for ICMPv6.
std::uint16_t Checksum(const std::uint8_t* data, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) sum += static_cast<std::uint32_t>(data[i] << 8 | data[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

/// Type, code, checksum, identifier, sequence: the same eight octets in both versions.
std::array<std::uint8_t, sizeof(icmphdr) + kPayload> EchoRequest(bool v6, std::uint16_t sequence) {
  icmphdr header{};
  header.type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
  header.un.echo.id = htons(kIdentifier);
  header.un.echo.sequence = htons(sequence);
  std::array<std::uint8_t, sizeof(icmphdr) + kPayload> packet{};
  std::memcpy(packet.data(), &header, sizeof header);
  if (!v6) {
    header.checksum = Checksum(packet.data(), packet.size());
    std::memcpy(packet.data(), &header, sizeof header);
  }
  return packet;
}

/// The source address goes along with the packet (RFC 3542 §6.2; ip(7) IP_PKTINFO), so that one socket serves all of
/// them.
template <typename Info>
void SetSource(msghdr* message, void* control, int level, int type, const Info& info) {
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* header = CMSG_FIRSTHDR(message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

}  // namespace

Prober::Prober() : v4_(OpenRaw(AF_INET, IPPROTO_ICMP)), v6_(OpenRaw(AF_INET6, IPPROTO_ICMPV6)) {}

void Prober::Probe(const common::IpAddress& local, const common::IpAddress& peer) {
  const common::UniqueFd& fd = peer.is_v6() ? v6_ : v4_;
  if (!fd.valid() || local.family() != peer.family()) return;
  auto packet = EchoRequest(peer.is_v6(), ++sequence_);
  iovec part{.iov_base = packet.data(), .iov_len = packet.size()};
  sockaddr_in to4{};
  sockaddr_in6 to6{};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (peer.is_v6()) {
    to6.sin6_family = AF_INET6;
    std::ranges::copy(peer.bytes(), to6.sin6_addr.s6_addr);
    message.msg_name = &to6;
    message.msg_namelen = sizeof to6;
    in6_pktinfo info{};
    std::ranges::copy(local.bytes(), info.ipi6_addr.s6_addr);
    SetSource(&message, control.data(), IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
    to4.sin_family = AF_INET;
    std::memcpy(&to4.sin_addr, peer.bytes().data(), 4);
    message.msg_name = &to4;
    message.msg_namelen = sizeof to4;
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, local.bytes().data(), 4);
    SetSource(&message, control.data(), IPPROTO_IP, IP_PKTINFO, info);
  }
  if (sendmsg(fd.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    common::LogDebug("probe.not_sent", {{"peer", peer.ToString()}, {"error", absl::ErrnoToStatus(errno, "sendmsg")}});
  }
}

}  // namespace henb::x2sec::app
