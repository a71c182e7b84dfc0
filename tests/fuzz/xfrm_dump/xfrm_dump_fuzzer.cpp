// The parser of the kernel's IPsec messages on any octets: dumps, answers and events.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/xfrm/own_policies.h"
#include "henb-x2sec/xfrm/xfrm_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace henb::x2sec;  // NOLINT(google-build-using-namespace)
  std::vector<xfrm::KernelPolicy> policies;
  xfrm::ForEachMessage({data, size}, [&](const xfrm::MessageView& message) {
    (void)xfrm::ParseError(message);
    (void)xfrm::ParseSa(message);
    (void)xfrm::ParseEvent(message, 1);
    if (auto policy = xfrm::ParsePolicy(message)) policies.push_back(*std::move(policy));
  });
  (void)xfrm::Recognise(policies, core::X2Ports());
  return 0;
}
