#include "henb-x2sec/app/links/local_address.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "common/status.h"

namespace henb::x2sec::app {
namespace {

constexpr timeval kDeadline{2, 0};
constexpr std::uint32_t kSequence = 1;         // One question a socket.
constexpr std::size_t kBufferSize = 8U << 10;  // One route is a few hundred octets.

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

struct Answer {
  bool usable = false;  // Not a blackhole, nor a broadcast address.
  std::uint32_t interface = 0;
  std::optional<common::IpAddress> local;
};

int TakeAttribute(const nlattr* attribute, void* data) {
  auto* answer = static_cast<Answer*>(data);
  const auto* payload = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
  const std::size_t size = mnl_attr_get_payload_len(attribute);
  switch (mnl_attr_get_type(attribute)) {
    case RTA_OIF:
      if (size == sizeof answer->interface) std::memcpy(&answer->interface, payload, size);
      break;
    case RTA_PREFSRC:
      if (auto local = common::IpAddress::FromBytes({payload, size}); local.ok()) answer->local = *local;
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

int TakeRoute(const nlmsghdr* message, void* data) {
  if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(rtmsg)) return MNL_CB_OK;
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  static_cast<Answer*>(data)->usable = route->rtm_type == RTN_UNICAST || route->rtm_type == RTN_LOCAL;
  return mnl_attr_parse(message, sizeof(rtmsg), TakeAttribute, data);
}

/// What `ip route get` asks. NotFound, with the kernel's reason: no route.
absl::StatusOr<Answer> Ask(const common::IpAddress& peer, unsigned interface) {
  const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return absl::ErrnoToStatus(errno, "opening a netlink socket for routes");
  }
  if (setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &kDeadline, sizeof kDeadline) != 0) {
    return absl::ErrnoToStatus(errno, "setting the deadline of a netlink socket");
  }
  alignas(nlmsghdr) std::array<char, kBufferSize> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETROUTE;
  message->nlmsg_flags = NLM_F_REQUEST;
  message->nlmsg_seq = kSequence;
  auto* question = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  question->rtm_family = static_cast<unsigned char>(peer.family());
  question->rtm_dst_len = static_cast<unsigned char>(peer.bytes().size() * 8);
  mnl_attr_put(message, RTA_DST, peer.bytes().size(), peer.bytes().data());
  if (interface != 0) mnl_attr_put_u32(message, RTA_OIF, interface);
  if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) {
    return absl::ErrnoToStatus(errno, "asking the kernel for a route");
  }
  const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
  if (size < 0) {
    if (errno == EAGAIN) return absl::DeadlineExceededError("the kernel did not answer for a route within 2 s");
    return absl::ErrnoToStatus(errno, "reading a route");
  }
  Answer answer;
  if (mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), kSequence, mnl_socket_get_portid(socket.get()),
                 TakeRoute, &answer) < 0) {
    return absl::NotFoundError(common::StrCat("no route to ", peer.ToString(), ": ", std::strerror(errno)));
  }
  return answer;
}

}  // namespace

absl::StatusOr<LocalRoute> RouteTo(const common::IpAddress& peer, const std::string& interface) {
  const unsigned index = interface.empty() ? 0 : if_nametoindex(interface.c_str());
  if (!interface.empty() && index == 0) {
    return absl::NotFoundError(common::StrCat("interface ", interface, ": ", std::strerror(errno)));
  }
  ASSIGN_OR_RETURN(const Answer answer, Ask(peer, index));
  std::array<char, IF_NAMESIZE> name{};
  if (!answer.usable || !answer.local || if_indextoname(answer.interface, name.data()) == nullptr) {
    return absl::NotFoundError(common::StrCat("no route to ", peer.ToString()));
  }
  return LocalRoute{.local = *answer.local, .interface = interface.empty() ? name.data() : interface};
}

}  // namespace henb::x2sec::app
