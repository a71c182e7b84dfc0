// Who may open connections to the service, and how many (R50). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/ip_address.h"
#include "keydist-server/domain/token_bucket.h"

namespace henb::keydist::domain {

struct ConnectionLimits {
  std::int64_t total = 16'384;
  std::int64_t per_place = 16;  ///< x2secd has one; after a power cut its old one lives for up to 80 s.
  BucketLimits fresh{.refill = absl::Milliseconds(500), .burst = 20};  ///< New ones of one place.
};

enum class ConnectionRefusal : std::uint8_t { kTotal, kAddress, kRate };
inline constexpr std::array<std::string_view, 3> kConnectionRefusalNames = {"total", "address", "rate"};

/// What counts as one peer: an IPv4 address, or the /64 that an IPv6 address lies in, of which a host has as many as it
/// likes.
[[nodiscard]] common::IpAddress PlaceOf(const common::IpAddress& address);

/// Counts connections by place. When one ends is not told: what stands is counted anew from time to time, and before a
/// refusal that a connection which ended meanwhile would spare. One thread.
class ConnectionBook {
 public:
  struct Answer {
    bool admitted = false;
    ConnectionRefusal why = ConnectionRefusal::kTotal;  ///< When not admitted.
  };
  explicit ConnectionBook(ConnectionLimits limits) : limits_(limits) {}
  /// A new connection from there; counted when admitted. `now` on a clock that never jumps.
  [[nodiscard]] Answer Admit(const common::IpAddress& from, absl::Duration now);
  /// `live`: the peer of every connection that stands. Forgets places that have none and whose bucket is full.
  void Recount(std::span<const common::IpAddress> live, absl::Duration now);
  [[nodiscard]] std::int64_t open() const { return open_; }
  [[nodiscard]] std::size_t places() const { return places_.size(); }

 private:
  struct Place {
    std::int64_t open = 0;
    TokenBucket bucket;
  };
  ConnectionLimits limits_;
  std::int64_t open_ = 0;
  absl::flat_hash_map<common::IpAddress, Place> places_;
};

}  // namespace henb::keydist::domain
