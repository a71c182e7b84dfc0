#include "policy/facts.h"

#include <algorithm>

namespace henb::policy {
namespace {

template <typename T>
void Take(const std::optional<T>& value, Source source, Fact<T>* fact) {
  if (value.has_value()) *fact = {value, source};
}

template <typename T>
void MergeFact(const Fact<T>& other, Fact<T>* fact) {
  if (other.known() && (!fact->known() || other.source < fact->source)) *fact = other;
}

}  // namespace

std::optional<common::IpAddress> NeighbourRecord::IkeAddress() const {
  if (ike_address.has_value()) return ike_address;
  if (!x2c_addresses.empty()) return x2c_addresses.front();
  if (!x2u_addresses.empty()) return x2u_addresses.front();
  return std::nullopt;
}

NeighbourFacts FactsOf(const NeighbourRecord& record, Source source) {
  NeighbourFacts facts;
  facts.id = record.id;
  facts.id_source = source;
  std::vector<common::IpAddress> addresses = record.x2c_addresses;
  for (const common::IpAddress& address : record.x2u_addresses) {
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
  }
  if (addresses.empty() && record.ike_address.has_value()) addresses.push_back(*record.ike_address);
  if (!addresses.empty()) facts.x2_addresses = {std::move(addresses), source};
  if (record.issuer_spki_sha256.has_value()) facts.issuers = {std::vector{*record.issuer_spki_sha256}, source};
  Take(record.kind, source, &facts.kind);
  Take(record.interface, source, &facts.interface);
  Take(record.cmpv2, source, &facts.cmpv2);
  Take(record.psk, source, &facts.psk);
  Take(record.csg_id, source, &facts.csg_id);
  Take(record.access_mode, source, &facts.access_mode);
  return facts;
}

void Merge(NeighbourFacts* facts, const NeighbourFacts& other) {
  if (facts->id.empty() || (facts->id == other.id && other.id_source < facts->id_source)) {
    facts->id = other.id;
    facts->id_source = other.id_source;
  }
  MergeFact(other.kind, &facts->kind);
  MergeFact(other.x2_addresses, &facts->x2_addresses);
  MergeFact(other.interface, &facts->interface);
  MergeFact(other.issuers, &facts->issuers);
  MergeFact(other.cmpv2, &facts->cmpv2);
  MergeFact(other.psk, &facts->psk);
  MergeFact(other.csg_id, &facts->csg_id);
  MergeFact(other.access_mode, &facts->access_mode);
}

}  // namespace henb::policy
