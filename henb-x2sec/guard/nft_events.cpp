#include "henb-x2sec/guard/nft_events.h"

// Before the kernel's headers, which then leave its names to it.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.h"
#include "henb-x2sec/guard/guard_table.h"

namespace henb::x2sec::guard {
namespace {

constexpr std::size_t kBufferSize = 64U << 10;
constexpr int kQueueSize = 1 << 20;
constexpr std::uint16_t kTableAttribute =
    NFTA_TABLE_NAME;  // The same number for tables, chains, rules, sets, elements and objects.

template <typename T>
bool Front(std::span<const std::uint8_t> bytes, T* value) {
  if (bytes.size() < sizeof(T)) return false;
  std::memcpy(value, bytes.data(), sizeof(T));
  return true;
}

/// The text of the attribute that names the table; empty when there is none.
std::string_view TableOf(std::span<const std::uint8_t> attributes) {
  nlattr attribute{};
  while (Front(attributes, &attribute)) {
    if (attribute.nla_len < sizeof(nlattr) || attribute.nla_len > attributes.size()) return {};
    if ((attribute.nla_type & NLA_TYPE_MASK) == kTableAttribute) {
      const char* text = reinterpret_cast<const char*>(attributes.data()) + sizeof(nlattr);
      return {text, strnlen(text, attribute.nla_len - sizeof(nlattr))};
    }
    attributes = attributes.subspan(std::min<std::size_t>(attributes.size(), NLA_ALIGN(attribute.nla_len)));
  }
  return {};
}

bool TouchesGuard(std::span<const std::uint8_t> payload) {
  nfgenmsg general{};
  return Front(payload, &general) && general.nfgen_family == NFPROTO_INET &&
         TableOf(payload.subspan(sizeof(general))) == kTableName;
}

}  // namespace

absl::StatusOr<NftEvents> NftEvents::Open() {
  common::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const int group = NFNLGRP_NFTABLES;
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
    return absl::ErrnoToStatus(errno, "watching nftables");
  }
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kQueueSize, sizeof(kQueueSize));
  return NftEvents(std::move(fd));
}

void NftEvents::ExpectOwn() {
  const std::lock_guard lock(state_->mutex);
  ++state_->own;
}

void NftEvents::OwnFailed() {
  const std::lock_guard lock(state_->mutex);
  // A foreign transaction may have passed for the one that failed.
  if (state_->own > 0) {
    --state_->own;
  } else {
    state_->foreign = true;
  }
}

void NftEvents::Ended() {
  if (!std::exchange(state_->touched, false)) return;
  if (state_->own > 0) {
    --state_->own;
  } else {
    state_->foreign = true;
  }
}

void NftEvents::Take(std::span<const std::uint8_t> datagram) {
  const std::lock_guard lock(state_->mutex);
  nlmsghdr header{};
  while (Front(datagram, &header)) {
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size()) return;
    const auto payload = datagram.subspan(sizeof(header), header.nlmsg_len - sizeof(header));
    if (NFNL_SUBSYS_ID(header.nlmsg_type) == NFNL_SUBSYS_NFTABLES) {
      if (NFNL_MSG_TYPE(header.nlmsg_type) == NFT_MSG_NEWGEN) {
        Ended();  // A transaction ends with its generation.
      } else {
        state_->touched = state_->touched || TouchesGuard(payload);
      }
    }
    datagram = datagram.subspan(std::min<std::size_t>(datagram.size(), NLMSG_ALIGN(header.nlmsg_len)));
  }
}

bool NftEvents::Read() {
  std::vector<std::uint8_t> buffer(kBufferSize);
  while (true) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof(sender);
    const ssize_t size =
        recvfrom(fd(), buffer.data(), buffer.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0 && errno == EINTR) continue;
    const bool lost = size < 0 ? errno == ENOBUFS : static_cast<std::size_t>(size) > buffer.size();
    if (lost) {
      const std::lock_guard lock(state_->mutex);
      state_->own = 0;
      state_->touched = false;
      state_->foreign = true;
      continue;
    }
    if (size < 0) break;
    if (sender.nl_pid == 0) Take(std::span(buffer).first(static_cast<std::size_t>(size)));
  }
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->foreign, false);
}

}  // namespace henb::x2sec::guard
