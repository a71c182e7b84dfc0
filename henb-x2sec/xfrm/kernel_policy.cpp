#include "henb-x2sec/xfrm/kernel_policy.h"

#include <netinet/in.h>

#include "common/strings.h"

namespace henb::x2sec::xfrm {
namespace {

std::string ProtocolName(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_SCTP:
      return "sctp";
    default:
      return common::StrCat("protocol ", static_cast<int>(protocol));
  }
}

}  // namespace

bool KernelPolicy::Same(const KernelPolicy& other) const {
  return selector == other.selector && block == other.block && priority == other.priority && sa == other.sa &&
         plain == other.plain;
}

std::string Describe(const PolicySelector& s) {
  const char* direction = s.direction == Direction::kIn ? "in" : s.direction == Direction::kOut ? "out" : "fwd";
  std::string text = common::StrCat(direction, " ", s.source.ToString(), "/", s.source_prefix, " -> ",
                                    s.destination.ToString(), "/", s.destination_prefix, " ", ProtocolName(s.protocol));
  if (s.source_port) common::StrAppend(&text, " sport ", *s.source_port);
  if (s.destination_port) common::StrAppend(&text, " dport ", *s.destination_port);
  return text;
}

}  // namespace henb::x2sec::xfrm
