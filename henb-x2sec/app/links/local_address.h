// Which of our addresses, and which interface, traffic to a neighbour takes.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/ip_address.h"

namespace henb::x2sec::app {

struct LocalRoute {
  common::IpAddress local;
  std::string interface;
};

/// Asks the kernel's routing (rtnetlink(7), RTM_GETROUTE), on `interface` where one is given. Any thread; waits at most
/// 2 s. It does not ask IPsec: even an unsent connect(2) would make the kernel acquire an SA for the pair, and pluto
/// start one beside the peer's (R22). NotFound: no such interface, no route, or one that lets nothing through;
/// DeadlineExceeded; what netlink itself failed with.
[[nodiscard]] absl::StatusOr<LocalRoute> RouteTo(const common::IpAddress& peer, const std::string& interface);

}  // namespace henb::x2sec::app
