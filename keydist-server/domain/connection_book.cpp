#include "keydist-server/domain/connection_book.h"

#include <algorithm>
#include <array>

namespace henb::keydist::domain {

common::IpAddress PlaceOf(const common::IpAddress& address) {
  if (!address.is_v6()) return address;
  std::array<std::uint8_t, 16> network{};
  std::copy_n(address.bytes().begin(), 8, network.begin());
  return *common::IpAddress::FromBytes(network);
}

ConnectionBook::Answer ConnectionBook::Admit(const common::IpAddress& from, absl::Duration now) {
  if (open_ >= limits_.total) return {.why = ConnectionRefusal::kTotal};
  Place& place = places_.try_emplace(PlaceOf(from), Place{.open = 0, .bucket = {.full_at = now}}).first->second;
  if (place.open >= limits_.per_place) return {.why = ConnectionRefusal::kAddress};
  const Draw draw = Take(place.bucket, limits_.fresh, now, 1);
  place.bucket = draw.after;
  if (!draw.granted) return {.why = ConnectionRefusal::kRate};
  ++place.open;
  ++open_;
  return {.admitted = true};
}

void ConnectionBook::Recount(std::span<const common::IpAddress> live, absl::Duration now) {
  for (auto& [address, place] : places_) place.open = 0;
  for (const common::IpAddress& peer : live) {
    ++places_.try_emplace(PlaceOf(peer), Place{.open = 0, .bucket = {.full_at = now}}).first->second.open;
  }
  open_ = static_cast<std::int64_t>(live.size());
  absl::erase_if(places_,
                 [now](const auto& entry) { return entry.second.open == 0 && entry.second.bucket.full_at <= now; });
}

}  // namespace henb::keydist::domain
