#include "henb-x2sec/xfrm/xfrm_writer.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace henb::x2sec::xfrm {
namespace {

constexpr std::size_t kLargestMessage = 1024;  // An update with one template has some 350 octets.

/// Builds one message in place; libmnl pads and counts.
class Builder {
 public:
  Builder(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence)
      : header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header_->nlmsg_seq = sequence;
  }
  template <typename T>
  T* Payload() {
    return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  template <typename T>
  void Attribute(std::uint16_t type, const T& value) {
    mnl_attr_put(header_, type, sizeof(T), &value);
  }
  [[nodiscard]] Message Take() const {
    return {buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(NLMSG_ALIGN(header_->nlmsg_len))};
  }

 private:
  alignas(8) std::array<std::uint8_t, kLargestMessage> buffer_{};
  nlmsghdr* header_;
};

xfrm_address_t ToKernel(const common::IpAddress& address) {
  xfrm_address_t out{};
  const auto bytes = address.bytes();
  std::memcpy(&out, bytes.data(), bytes.size());
  return out;
}

std::uint8_t ToKernel(Direction direction) {
  switch (direction) {
    case Direction::kIn:
      return XFRM_POLICY_IN;
    case Direction::kForward:
      return XFRM_POLICY_FWD;
    default:
      return XFRM_POLICY_OUT;
  }
}

void Fill(const PolicySelector& from, xfrm_selector* to) {
  to->saddr = ToKernel(from.source);
  to->daddr = ToKernel(from.destination);
  to->prefixlen_s = static_cast<std::uint8_t>(from.source_prefix);
  to->prefixlen_d = static_cast<std::uint8_t>(from.destination_prefix);
  to->family = static_cast<std::uint16_t>(from.source.family());
  to->proto = from.protocol;
  if (from.source_port) {
    to->sport = htons(*from.source_port);
    to->sport_mask = 0xffff;
  }
  if (from.destination_port) {
    to->dport = htons(*from.destination_port);
    to->dport_mask = 0xffff;
  }
}

xfrm_user_tmpl ToKernel(const PolicyTemplate& from) {
  xfrm_user_tmpl to{};
  to.id.daddr = ToKernel(from.destination);
  to.id.spi = htonl(from.spi);
  to.id.proto = IPPROTO_ESP;
  to.family = static_cast<std::uint16_t>(from.source.family());
  to.saddr = ToKernel(from.source);
  to.reqid = static_cast<std::uint32_t>(from.reqid);
  to.mode = from.tunnel ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT;
  to.optional = from.required ? 0 : 1;
  to.aalgos = to.ealgos = to.calgos = ~0U;
  return to;
}

}  // namespace

Message UpdatePolicyMessage(const KernelPolicy& policy, std::uint32_t sequence) {
  Builder builder(XFRM_MSG_UPDPOLICY, NLM_F_ACK, sequence);
  auto* info = builder.Payload<xfrm_userpolicy_info>();
  Fill(policy.selector, &info->sel);
  info->lft.soft_byte_limit = info->lft.hard_byte_limit = XFRM_INF;
  info->lft.soft_packet_limit = info->lft.hard_packet_limit = XFRM_INF;
  info->priority = policy.priority;
  info->dir = ToKernel(policy.selector.direction);
  info->action = policy.block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
  info->share = XFRM_SHARE_ANY;
  if (policy.sa) builder.Attribute(XFRMA_TMPL, ToKernel(*policy.sa));
  return builder.Take();
}

Message GetPolicyMessage(const PolicySelector& selector, std::uint32_t sequence) {
  Builder builder(XFRM_MSG_GETPOLICY, 0, sequence);
  auto* id = builder.Payload<xfrm_userpolicy_id>();
  Fill(selector, &id->sel);
  id->dir = ToKernel(selector.direction);
  return builder.Take();
}

Message DeletePolicyMessage(Direction direction, std::uint32_t index, std::uint32_t sequence) {
  Builder builder(XFRM_MSG_DELPOLICY, NLM_F_ACK, sequence);
  auto* id = builder.Payload<xfrm_userpolicy_id>();
  id->index = index;
  id->dir = ToKernel(direction);
  return builder.Take();
}

Message DeleteSaMessage(const core::SaInfo& sa, std::uint32_t sequence) {
  Builder builder(XFRM_MSG_DELSA, NLM_F_ACK, sequence);
  auto* id = builder.Payload<xfrm_usersa_id>();
  id->daddr = ToKernel(sa.destination);
  id->spi = htonl(sa.spi);
  id->family = static_cast<std::uint16_t>(sa.destination.family());
  id->proto = IPPROTO_ESP;
  builder.Attribute(XFRMA_SRCADDR, ToKernel(sa.source));
  return builder.Take();
}

Message DumpSasMessage(std::uint32_t sequence) {
  Builder builder(XFRM_MSG_GETSA, NLM_F_DUMP, sequence);
  return builder.Take();
}

Message DumpPoliciesMessage(std::uint32_t sequence) {
  Builder builder(XFRM_MSG_GETPOLICY, NLM_F_DUMP, sequence);
  return builder.Take();
}

void SetSender(std::uint32_t port, Message* message) {
  std::memcpy(message->data() + offsetof(nlmsghdr, nlmsg_pid), &port, sizeof(port));
}

}  // namespace henb::x2sec::xfrm
