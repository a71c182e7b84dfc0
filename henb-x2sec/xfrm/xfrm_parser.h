// What the kernel's NETLINK_XFRM messages say. Pure; no length in them is trusted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/xfrm/kernel_policy.h"

namespace henb::x2sec::xfrm {

/// One message of a received buffer. The views point into it.
struct MessageView {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t sender = 0;  ///< Port id of the socket whose request this answers or tells of; 0: the kernel.
  std::span<const std::uint8_t> payload;
};

/// Calls `each` for every whole message; what is cut off at the end is left out. `buffer` is aligned to 4 octets.
void ForEachMessage(std::span<const std::uint8_t> buffer, const std::function<void(const MessageView&)>& each);

/// The errno of an NLMSG_ERROR message (0: an acknowledgement); nullopt when it is no such message.
[[nodiscard]] std::optional<int> ParseError(const MessageView& message);

/// XFRM_MSG_NEWSA and UPDSA. Nullopt for larval states (no SPI or no algorithm yet), for anything but ESP, and for
/// malformed ones. Reads no key.
[[nodiscard]] std::optional<core::SaInfo> ParseSa(const MessageView& message);

/// XFRM_MSG_NEWPOLICY and UPDPOLICY. Nullopt when malformed or of another family than IPv4 and IPv6.
[[nodiscard]] std::optional<KernelPolicy> ParsePolicy(const MessageView& message);

/// Multicast messages. Nullopt for those that say nothing about a link: soft expiry, policies that are not ours, and
/// policies changed by the socket `own_port`. A flush of all SAs, or a message that cannot be read, is kLost.
[[nodiscard]] std::optional<core::SaEvent> ParseEvent(const MessageView& message, std::uint32_t own_port);

}  // namespace henb::x2sec::xfrm
