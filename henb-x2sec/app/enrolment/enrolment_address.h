#pragma once

#include <optional>

#include "henb-x2sec/core/ports/guard.h"
#include "policy/enrolment.h"

namespace henb::x2sec::app {

/// The RA/CA, or the NEM where devices enrol through one, as a service that may be reached only inside the backhaul:
/// when the transport of `terms` is BACKHAUL and an IP address is named. Pure.
[[nodiscard]] std::optional<core::BackhaulOnlyService> BackhaulServiceOf(const std::optional<policy::Enrolment>& terms);
/// The same for transport INITIAL_IPSEC: reached only inside the tunnel to an enrolment SEG (R38). Pure.
[[nodiscard]] std::optional<core::BackhaulOnlyService> InitialServiceOf(const std::optional<policy::Enrolment>& terms);

}  // namespace henb::x2sec::app
