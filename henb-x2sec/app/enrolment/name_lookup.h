#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ip_address.h"

namespace henb::x2sec::app {

/// The addresses of a host by the system's resolver, in its order, each once. Blocks for as long as that takes, some
/// seconds. Unavailable: none. Nobody vouches for the answer: whoever is there must prove who it is. Any thread.
[[nodiscard]] absl::StatusOr<std::vector<common::IpAddress>> LookUp(const std::string& host);

}  // namespace henb::x2sec::app
