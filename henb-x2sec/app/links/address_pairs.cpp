#include "henb-x2sec/app/links/address_pairs.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace henb::x2sec::app {
namespace {

using common::IpAddress;

std::vector<IpAddress> AddressesOf(const policy::NeighbourRecord& record) {
  std::vector<IpAddress> addresses = record.x2c_addresses;
  addresses.insert(addresses.end(), record.x2u_addresses.begin(), record.x2u_addresses.end());
  if (addresses.empty() && record.ike_address) addresses.push_back(*record.ike_address);
  std::vector<IpAddress> once;
  for (const IpAddress& address : addresses) {
    if (std::find(once.begin(), once.end(), address) == once.end()) once.push_back(address);
  }
  return once;
}

/// The route to an address of this host leaves from that address, and no other route does.
bool IsHeld(const IpAddress& address, const Routes& routes) {
  const auto route = routes(address, "");
  return route.ok() && route->local == address;
}

}  // namespace

std::vector<core::AddressPair> AddressPairs(const policy::NeighbourRecord& record, const std::vector<IpAddress>& own,
                                            const Routes& routes) {
  std::vector<core::AddressPair> pairs;
  for (const IpAddress& peer : AddressesOf(record)) {
    const auto route = routes(peer, record.interface.value_or(""));
    if (!route.ok()) continue;
    std::vector<IpAddress> locals;
    std::copy_if(own.begin(), own.end(), std::back_inserter(locals), [&](const IpAddress& address) {
      return address.family() == peer.family() && IsHeld(address, routes);
    });
    if (locals.empty()) locals.push_back(route->local);
    std::optional<core::AddressPair> ends;
    if (record.ike_address && record.ike_address->family() == peer.family()) {
      const auto ike_route = *record.ike_address == peer ? route : routes(*record.ike_address, "");
      if (!ike_route.ok()) continue;
      ends = {{}, {}, ike_route->local, *record.ike_address};
    }
    for (const IpAddress& local : locals) {
      pairs.push_back({local, peer, ends ? ends->local_ike : local, ends ? ends->peer_ike : peer});
    }
  }
  return pairs;
}

}  // namespace henb::x2sec::app
