#include "policy/match.h"

#include <algorithm>

namespace henb::policy {
namespace {

template <typename T>
bool AnyOf(const std::vector<T>& list, const Fact<T>& fact) {
  return fact.known() && std::find(list.begin(), list.end(), *fact.value) != list.end();
}

bool InNetworks(const Rule& rule, const Fact<std::vector<common::IpAddress>>& addresses) {
  if (!addresses.known() || addresses.value->empty()) return false;
  const auto inside = [&](const common::IpAddress& address) {
    return std::any_of(rule.match.networks.begin(), rule.match.networks.end(),
                       [&](const common::Cidr& network) { return network.Contains(address); });
  };
  if (rule.blocks()) return std::any_of(addresses.value->begin(), addresses.value->end(), inside);
  return std::all_of(addresses.value->begin(), addresses.value->end(), inside);
}

bool AnyIssuer(const std::vector<common::SpkiHash>& list, const Fact<std::vector<common::SpkiHash>>& issuers) {
  if (!issuers.known()) return false;
  return std::find_first_of(list.begin(), list.end(), issuers.value->begin(), issuers.value->end()) != list.end();
}

bool SameCsg(bool wanted, const NeighbourFacts& neighbour, const SelfFacts& self) {
  return neighbour.csg_id.known() && self.csg_id.has_value() && (*neighbour.csg_id.value == *self.csg_id) == wanted;
}

}  // namespace

MatchField FirstFailedField(const Rule& rule, const NeighbourFacts& neighbour, const SelfFacts& self) {
  const Match& match = rule.match;
  if (!match.neighbours.empty() &&
      std::none_of(match.neighbours.begin(), match.neighbours.end(),
                   [&](const IdPattern& pattern) { return pattern.Matches(neighbour.id); })) {
    return MatchField::kNeighbours;
  }
  if (!match.kinds.empty() && !AnyOf(match.kinds, neighbour.kind)) return MatchField::kKinds;
  if (!match.interfaces.empty() && !AnyOf(match.interfaces, neighbour.interface)) return MatchField::kInterfaces;
  if (!match.networks.empty() && !InNetworks(rule, neighbour.x2_addresses)) return MatchField::kNetworks;
  if (!match.issuers.empty() && !AnyIssuer(match.issuers, neighbour.issuers)) return MatchField::kIssuers;
  if (!match.csg_ids.empty() && !AnyOf(match.csg_ids, neighbour.csg_id)) return MatchField::kCsgIds;
  if (!match.access_modes.empty() && !AnyOf(match.access_modes, neighbour.access_mode)) return MatchField::kAccessModes;
  if (match.same_csg.has_value() && !SameCsg(*match.same_csg, neighbour, self)) return MatchField::kSameCsg;
  return MatchField::kNone;
}

}  // namespace henb::policy
