// A listening TCP socket.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/ip_address.h"
#include "common/unique_fd.h"

namespace henb::common {

/// Not blocking; port 0: any. Unavailable names address and port. Any thread.
[[nodiscard]] absl::StatusOr<UniqueFd> ListenOn(const IpAddress& address, std::uint16_t port, int backlog);

/// The port that it listens on.
[[nodiscard]] std::uint16_t PortOf(const UniqueFd& listener);

}  // namespace henb::common
