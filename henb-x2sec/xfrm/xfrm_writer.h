// Requests to the kernel's IPsec as NETLINK_XFRM messages (linux/xfrm.h). Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/xfrm/kernel_policy.h"

namespace henb::x2sec::xfrm {

using Message = std::vector<std::uint8_t>;  ///< One netlink message, padded to NLMSG_ALIGNTO.

/// XFRM_MSG_UPDPOLICY: makes the policy, or replaces in one step the one that has its selector.
[[nodiscard]] Message UpdatePolicyMessage(const KernelPolicy& policy, std::uint32_t sequence);
/// XFRM_MSG_GETPOLICY of one selector.
[[nodiscard]] Message GetPolicyMessage(const PolicySelector& selector, std::uint32_t sequence);
/// XFRM_MSG_DELPOLICY of exactly the policy that has `index` in this direction, not of whatever has its selector by
/// then.
[[nodiscard]] Message DeletePolicyMessage(Direction direction, std::uint32_t index, std::uint32_t sequence);
/// XFRM_MSG_DELSA.
[[nodiscard]] Message DeleteSaMessage(const core::SaInfo& sa, std::uint32_t sequence);
[[nodiscard]] Message DumpSasMessage(std::uint32_t sequence);
[[nodiscard]] Message DumpPoliciesMessage(std::uint32_t sequence);

/// Names the sending socket in the message: the kernel repeats it in what it tells others about the change.
void SetSender(std::uint32_t port, Message* message);

}  // namespace henb::x2sec::xfrm
