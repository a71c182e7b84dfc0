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

/// Asks the kernel's routing (connect(2) on a datagram socket; nothing is sent), on `interface` where one is given. NotFound: no route.
[[nodiscard]] absl::StatusOr<LocalRoute> RouteTo(const common::IpAddress& peer, const std::string& interface);

}  // namespace henb::x2sec::app
