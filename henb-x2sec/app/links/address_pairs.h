// Which of our transport addresses meets which of a neighbour's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ip_address.h"
#include "henb-x2sec/app/links/local_address.h"
#include "henb-x2sec/core/plan.h"
#include "policy/facts.h"

namespace henb::x2sec::app {

/// RouteTo of local_address.h, or a test's.
using Routes = std::function<absl::StatusOr<LocalRoute>(const common::IpAddress& peer, const std::string& interface)>;

/// A pair for every X2-C or X2-U address of the neighbour that there is a route to (R17), with each of `own` that is of
/// its family and that this host has; where there is none, with the address that the route leaves from. Both ends come
/// to the same pairs when each lists for itself what the other's record of it lists. The ends of IKE are the addresses
/// themselves, or, where the record has an ike_address of that family, it and the address that its route leaves from. A
/// record without X2 addresses means its ike_address. No pair twice; own addresses in the order given, for each of the
/// neighbour's.
[[nodiscard]] std::vector<core::AddressPair> AddressPairs(const policy::NeighbourRecord& record,
                                                          const std::vector<common::IpAddress>& own,
                                                          const Routes& routes);

}  // namespace henb::x2sec::app
