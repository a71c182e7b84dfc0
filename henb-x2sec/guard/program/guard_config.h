// What x2sec-guard reads from x2secd's configuration.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/guard.h"

namespace henb::x2sec::guard {

/// Nobody admitted, nobody trusted: the X2 ports shut, no exception. What holds without a configuration.
[[nodiscard]] core::GuardSpec ClosedSpec();

/// The same with the ports (`x2.sctp_ports`, `x2.udp_ports`), the backhaul (`backhaul.reqid`, `backhaul.core_networks`)
/// and the key service's address (`keydist.address`) of x2secd.toml. All other keys are x2secd's to check.
/// InvalidArgument with file, line and column.
[[nodiscard]] absl::StatusOr<core::GuardSpec> ReadClosedSpec(std::string_view text, std::string_view path);

}  // namespace henb::x2sec::guard
