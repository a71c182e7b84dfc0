#include "henb-x2sec/core/reconciler.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace henb::x2sec::core {
namespace {

using PairKey = std::pair<common::IpAddress, common::IpAddress>;

PairKey KeyOf(const Pin& pin) { return {pin.local, pin.peer}; }

void ReconcilePins(const Desired& desired, const KernelSnapshot& kernel, Repairs& repairs) {
  std::map<PairKey, Pin> whole;
  std::set<PairKey> present;
  for (const Pin& pin : kernel.pins) {
    whole.emplace(KeyOf(pin), pin);
    present.insert(KeyOf(pin));
  }
  for (const Pin& pin : kernel.broken_pins) {
    whole.erase(KeyOf(pin));
    present.insert(KeyOf(pin));
  }
  for (const Pin& pin : desired.pins) {
    const auto it = whole.find(KeyOf(pin));
    if (it == whole.end() || it->second != pin) repairs.set_pins.push_back(pin);
    present.erase(KeyOf(pin));
  }
  repairs.remove_pins.assign(present.begin(), present.end());
}

void ReconcileTunnelPins(const Desired& desired, const KernelSnapshot& kernel, Repairs& repairs) {
  const std::set<TunnelPin> whole(kernel.tunnel_pins.begin(), kernel.tunnel_pins.end());
  std::set<std::pair<common::IpAddress, common::Cidr>> surplus;
  for (const auto* pins : {&kernel.tunnel_pins, &kernel.broken_tunnel_pins}) {
    for (const TunnelPin& pin : *pins) surplus.emplace(pin.local, pin.network);
  }
  for (const TunnelPin& pin : desired.tunnel_pins) {
    if (!whole.contains(pin)) repairs.set_tunnel_pins.push_back(pin);
    surplus.erase({pin.local, pin.network});
  }
  repairs.remove_tunnel_pins.assign(surplus.begin(), surplus.end());
}

void ReconcileClear(const Desired& desired, const KernelSnapshot& kernel, Repairs& repairs) {
  const std::set<ClearPair> is(kernel.clear_pairs.begin(), kernel.clear_pairs.end());
  std::set<ClearPair> any = is;
  any.insert(kernel.broken_clear_pairs.begin(), kernel.broken_clear_pairs.end());
  std::set_difference(any.begin(), any.end(), desired.clear.begin(), desired.clear.end(),
                      std::back_inserter(repairs.forbid_clear));
  std::set_difference(desired.clear.begin(), desired.clear.end(), is.begin(), is.end(),
                      std::back_inserter(repairs.allow_clear));
}

void ReconcileConnections(const Desired& desired, const Observed& observed, Repairs& repairs) {
  const IkeSnapshot& ike = *observed.ike;
  const std::set<std::string> is(ike.connections.begin(), ike.connections.end());
  std::set<std::string> wanted;
  for (const ConnectionSpec& spec : desired.connections) {
    wanted.insert(spec.name);
    const auto held = ike.fingerprints.find(spec.name);
    const auto right_one = desired.fingerprints.find(spec.name);
    const bool right = is.contains(spec.name) && !observed.to_renew.contains(spec.name) &&
                       held != ike.fingerprints.end() && right_one != desired.fingerprints.end() &&
                       held->second == right_one->second;
    if (!right) repairs.add_connections.push_back(spec);
  }
  for (const std::string& name : is) {
    if (name.starts_with(kConnectionPrefix) && !wanted.contains(name)) repairs.delete_connections.push_back(name);
  }
}

/// SAs of our reqids between addresses that no wanted connection joins. While pluto is away they may be all that
/// carries a wanted link; those of unwanted links go at once in any case.
void ReconcileSas(const Desired& desired, const KernelSnapshot& kernel, Repairs& repairs) {
  std::set<std::tuple<common::IpAddress, common::IpAddress, int>> wanted;
  for (const ConnectionSpec& spec : desired.connections) {
    wanted.emplace(spec.local_ike_address, spec.peer_ike_address, spec.reqid);
    wanted.emplace(spec.peer_ike_address, spec.local_ike_address, spec.reqid);
  }
  for (const SaInfo& sa : kernel.sas) {
    if (sa.spi == 0 || !desired.own_reqids.contains(sa.reqid)) continue;
    if (!wanted.contains({sa.source, sa.destination, sa.reqid})) repairs.delete_sas.push_back(sa);
  }
}

void ReconcilePhantoms(const Desired& desired, const Observed& observed, Repairs& repairs) {
  std::set<std::string> ours;
  for (const ConnectionSpec& spec : desired.connections) ours.insert(spec.name);
  std::set<std::uint32_t> spis;
  for (const SaInfo& sa : observed.kernel.sas) spis.insert(sa.spi);
  for (const ChildSa& child : observed.ike->child_sas) {
    if (!child.established || !ours.contains(child.connection)) continue;
    if (spis.contains(child.spi_in) && spis.contains(child.spi_out)) continue;
    repairs.phantoms.insert(child.serial);
    if (observed.phantoms_before.contains(child.serial)) repairs.delete_states.push_back(child.serial);
  }
}

}  // namespace

bool Repairs::empty() const {
  return !install_belt && forbid_clear.empty() && allow_clear.empty() && set_pins.empty() && remove_pins.empty() &&
         set_tunnel_pins.empty() && remove_tunnel_pins.empty() && delete_connections.empty() &&
         add_connections.empty() && delete_sas.empty() && delete_states.empty();
}

Repairs Reconcile(const Desired& desired, const Observed& observed) {
  Repairs repairs;
  repairs.install_belt = !observed.kernel.belt_whole;
  ReconcileClear(desired, observed.kernel, repairs);
  ReconcilePins(desired, observed.kernel, repairs);
  ReconcileTunnelPins(desired, observed.kernel, repairs);
  ReconcileSas(desired, observed.kernel, repairs);
  if (observed.ike) {
    ReconcileConnections(desired, observed, repairs);
    ReconcilePhantoms(desired, observed, repairs);
  }
  return repairs;
}

}  // namespace henb::x2sec::core
