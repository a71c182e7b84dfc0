#pragma once

#include <optional>

#include "henb-x2sec/core/ports/guard.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

/// The RA/CA, or the NEM where devices enrol through one, as a service that may be reached only inside the backhaul:
/// when the policy's enrolment transport is BACKHAUL and an IP address is named. Pure.
[[nodiscard]] std::optional<core::BackhaulOnlyService> BackhaulServiceOf(const policy::Policy& policy);
/// The same for transport INITIAL_IPSEC: reached only inside the tunnel to an enrolment SEG (R38). Pure.
[[nodiscard]] std::optional<core::BackhaulOnlyService> InitialServiceOf(const policy::Policy& policy);

}  // namespace henb::x2sec::app
