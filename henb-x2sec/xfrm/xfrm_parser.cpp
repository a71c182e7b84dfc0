#include "henb-x2sec/xfrm/xfrm_parser.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>

#include "common/strings.h"
#include "henb-x2sec/xfrm/own_policies.h"

namespace henb::x2sec::xfrm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Kind = core::SaEvent::Kind;

/// A structure copied out of the front of `bytes`; nullopt when they are too few. Copied since attributes are aligned
/// to 4 octets only.
template <typename T>
std::optional<T> Front(Bytes bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// Calls `each(type, value)` for the attributes after the fixed part of `fixed` octets.
template <typename Each>
void ForEachAttribute(Bytes payload, std::size_t fixed, const Each& each) {
  std::size_t at = NLMSG_ALIGN(fixed);
  while (at + sizeof(nlattr) <= payload.size()) {
    const auto header = *Front<nlattr>(payload.subspan(at));
    if (header.nla_len < sizeof(nlattr) || header.nla_len > payload.size() - at) return;
    each(static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
         payload.subspan(at + sizeof(nlattr), header.nla_len - sizeof(nlattr)));
    at += NLA_ALIGN(header.nla_len);
  }
}

std::optional<common::IpAddress> ToAddress(const xfrm_address_t& address, int family) {
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(&address), family == AF_INET ? 4 : 16);
  return *common::IpAddress::FromBytes(bytes);
}

/// "name/bits" from the head of an algorithm attribute; its key is not touched. (The structures end in arrays without a
/// length, so their fields are read one by one.)
void AppendAlgorithm(Bytes value, std::string* suite) {
  const auto name = Front<std::array<char, sizeof(xfrm_algo::alg_name)>>(value);
  if (!name || value.size() < offsetof(xfrm_algo, alg_key)) return;
  const auto bits = *Front<unsigned int>(value.subspan(offsetof(xfrm_algo, alg_key_len)));
  if (!suite->empty()) suite->append("+");
  std::string printable(name->data(), strnlen(name->data(), name->size()));
  std::replace_if(
      printable.begin(), printable.end(), [](unsigned char c) { return c < 0x21 || c > 0x7e; }, '?');
  common::StrAppend(suite, printable, "/", bits);
}

std::uint32_t EsnReplayWindow(Bytes value) {
  const std::size_t at = offsetof(xfrm_replay_state_esn, replay_window);
  return value.size() < at ? 0 : Front<std::uint32_t>(value.subspan(at)).value_or(0);
}

std::optional<core::SaInfo> ReadSa(Bytes payload) {
  const auto info = Front<xfrm_usersa_info>(payload);
  if (!info || info->id.proto != IPPROTO_ESP || info->id.spi == 0) return std::nullopt;
  const auto source = ToAddress(info->saddr, info->family);
  const auto destination = ToAddress(info->id.daddr, info->family);
  if (!source || !destination) return std::nullopt;
  core::SaInfo sa;
  sa.spi = ntohl(info->id.spi);
  sa.source = *source;
  sa.destination = *destination;
  sa.reqid = static_cast<int>(info->reqid);
  sa.tunnel = info->mode == XFRM_MODE_TUNNEL;
  sa.replay_window = info->replay_window;
  sa.bytes = info->curlft.bytes;
  sa.packets = info->curlft.packets;
  sa.added_at = info->curlft.add_time;
  std::string cipher;
  std::string integrity;
  ForEachAttribute(payload, sizeof(*info), [&](std::uint16_t type, Bytes value) {
    if (type == XFRMA_ALG_AEAD || type == XFRMA_ALG_CRYPT) AppendAlgorithm(value, &cipher);
    // The kernel gives both forms of the integrity algorithm; this one has its real length.
    if (type == XFRMA_ALG_AUTH_TRUNC) AppendAlgorithm(value, &integrity);
    if (type == XFRMA_ENCAP) sa.in_udp = true;
    if (type == XFRMA_REPLAY_ESN_VAL) sa.replay_window = EsnReplayWindow(value);
  });
  sa.suite = integrity.empty() ? cipher : common::StrCat(cipher, "+", integrity);
  if (sa.suite.empty()) return std::nullopt;
  return sa;
}

/// The port of a selector; sets `plain` to false when it is a range.
std::optional<std::uint16_t> ReadPort(std::uint16_t port, std::uint16_t mask, bool* plain) {
  if (mask == 0) return std::nullopt;
  if (mask != 0xffff) *plain = false;
  return ntohs(port);
}

void ReadTemplates(Bytes value, KernelPolicy* policy) {
  const auto first = Front<xfrm_user_tmpl>(value);
  if (!first) return;
  const auto source = ToAddress(first->saddr, first->family);
  const auto destination = ToAddress(first->id.daddr, first->family);
  if (value.size() >= 2 * sizeof(xfrm_user_tmpl) || first->id.proto != IPPROTO_ESP || !source || !destination ||
      (first->mode != XFRM_MODE_TUNNEL && first->mode != XFRM_MODE_TRANSPORT)) {
    policy->plain = false;
    return;
  }
  policy->sa = PolicyTemplate{*source,
                              *destination,
                              ntohl(first->id.spi),
                              static_cast<int>(first->reqid),
                              first->mode == XFRM_MODE_TUNNEL,
                              first->optional == 0};
}

std::optional<KernelPolicy> ReadPolicy(Bytes payload) {
  const auto info = Front<xfrm_userpolicy_info>(payload);
  if (!info || info->dir > XFRM_POLICY_FWD) return std::nullopt;
  const auto source = ToAddress(info->sel.saddr, info->sel.family);
  const auto destination = ToAddress(info->sel.daddr, info->sel.family);
  if (!source || !destination) return std::nullopt;
  KernelPolicy policy;
  PolicySelector& selector = policy.selector;
  selector.direction = info->dir == XFRM_POLICY_IN    ? Direction::kIn
                       : info->dir == XFRM_POLICY_OUT ? Direction::kOut
                                                      : Direction::kForward;
  selector.source = *source;
  selector.source_prefix = info->sel.prefixlen_s;
  selector.destination = *destination;
  selector.destination_prefix = info->sel.prefixlen_d;
  selector.protocol = info->sel.proto;
  selector.source_port = ReadPort(info->sel.sport, info->sel.sport_mask, &policy.plain);
  selector.destination_port = ReadPort(info->sel.dport, info->sel.dport_mask, &policy.plain);
  policy.block = info->action == XFRM_POLICY_BLOCK;
  policy.priority = info->priority;
  policy.index = info->index;
  if (info->sel.ifindex != 0 || info->sel.user != 0 || info->lft.hard_add_expires_seconds != 0 ||
      info->lft.hard_use_expires_seconds != 0 || info->lft.hard_byte_limit != XFRM_INF ||
      info->lft.hard_packet_limit != XFRM_INF) {
    policy.plain = false;
  }
  ForEachAttribute(payload, sizeof(*info), [&](std::uint16_t type, Bytes value) {
    if (type == XFRMA_TMPL) ReadTemplates(value, &policy);
    if (type == XFRMA_MARK || type == XFRMA_IF_ID || type == XFRMA_SEC_CTX || type == XFRMA_OFFLOAD_DEV) {
      policy.plain = false;
    }
    const auto kind = Front<xfrm_userpolicy_type>(value);
    if (type == XFRMA_POLICY_TYPE && kind && kind->type != XFRM_POLICY_TYPE_MAIN) policy.plain = false;
  });
  return policy;
}

core::SaEvent SaEventOf(Kind kind, const xfrm_usersa_info& info) {
  return {kind, ntohl(info.id.spi), static_cast<int>(info.reqid)};
}

/// XFRM_MSG_DELSA: an identifier, the state itself in an attribute.
core::SaEvent ReadDeleted(Bytes payload) {
  std::optional<core::SaEvent> event;
  ForEachAttribute(payload, sizeof(xfrm_usersa_id), [&](std::uint16_t type, Bytes value) {
    const auto info = Front<xfrm_usersa_info>(value);
    if (type == XFRMA_SA && info) event = SaEventOf(Kind::kDeleted, *info);
  });
  return event.value_or(core::SaEvent{Kind::kLost, 0, 0});
}

/// Whether a policy that was made, changed or deleted may be one of ours.
bool MayBeOurs(const MessageView& message) {
  std::optional<xfrm_userpolicy_info> info;
  if (message.type == XFRM_MSG_DELPOLICY) {
    ForEachAttribute(message.payload, sizeof(xfrm_userpolicy_id), [&](std::uint16_t type, Bytes value) {
      if (type == XFRMA_POLICY) info = Front<xfrm_userpolicy_info>(value);
    });
  } else {
    info = Front<xfrm_userpolicy_info>(message.payload);
  }
  return !info || IsOwnPriority(info->priority);
}

}  // namespace

void ForEachMessage(Bytes buffer, const std::function<void(const MessageView&)>& each) {
  while (buffer.size() >= sizeof(nlmsghdr)) {
    const auto header = *Front<nlmsghdr>(buffer);
    if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > buffer.size()) return;
    each({header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, header.nlmsg_pid,
          buffer.subspan(sizeof(nlmsghdr), header.nlmsg_len - sizeof(nlmsghdr))});
    const std::size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= buffer.size()) return;
    buffer = buffer.subspan(step);
  }
}

std::optional<int> ParseError(const MessageView& message) {
  if (message.type != NLMSG_ERROR) return std::nullopt;
  const auto error = Front<nlmsgerr>(message.payload);
  // What the kernel does not send is no number to be negated.
  return error && error->error <= 0 && error->error > -4096 ? -error->error : EBADMSG;
}

std::optional<core::SaInfo> ParseSa(const MessageView& message) {
  if (message.type != XFRM_MSG_NEWSA && message.type != XFRM_MSG_UPDSA) return std::nullopt;
  return ReadSa(message.payload);
}

std::optional<KernelPolicy> ParsePolicy(const MessageView& message) {
  if (message.type != XFRM_MSG_NEWPOLICY && message.type != XFRM_MSG_UPDPOLICY) return std::nullopt;
  return ReadPolicy(message.payload);
}

std::optional<core::SaEvent> ParseEvent(const MessageView& message, std::uint32_t own_port) {
  const core::SaEvent lost{Kind::kLost, 0, 0};
  switch (message.type) {
    case XFRM_MSG_NEWSA:
    case XFRM_MSG_UPDSA: {
      const auto info = Front<xfrm_usersa_info>(message.payload);
      return info ? SaEventOf(Kind::kAdded, *info) : lost;
    }
    case XFRM_MSG_DELSA:
      return ReadDeleted(message.payload);
    case XFRM_MSG_EXPIRE: {
      const auto expire = Front<xfrm_user_expire>(message.payload);
      if (!expire) return lost;
      if (expire->hard == 0) return std::nullopt;
      return SaEventOf(Kind::kExpired, expire->state);
    }
    case XFRM_MSG_FLUSHSA:
      return lost;
    case XFRM_MSG_NEWPOLICY:
    case XFRM_MSG_UPDPOLICY:
    case XFRM_MSG_DELPOLICY:
      if (message.sender == own_port || !MayBeOurs(message)) return std::nullopt;
      return core::SaEvent{Kind::kPolicyChanged, 0, 0};
    case XFRM_MSG_FLUSHPOLICY:
      return core::SaEvent{Kind::kPolicyChanged, 0, 0};
    default:
      return std::nullopt;
  }
}

}  // namespace henb::x2sec::xfrm
