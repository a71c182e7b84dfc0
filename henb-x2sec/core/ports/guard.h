// The port to the guard, the nftables table `inet x2sec`.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ip_address.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::x2sec::core {

/// Traffic of the protected ports with `peer` passes inside IPsec of `reqid` only.
struct AdmittedPeer {
  common::IpAddress peer;
  int reqid = 0;
  friend auto operator<=>(const AdmittedPeer&, const AdmittedPeer&) = default;
};

/// Traffic of the protected ports with `peer` passes in clear on `interface`, if `peer` is in `network` (TRUSTED).
struct TrustedPeer {
  common::IpAddress peer;
  std::string interface;
  common::Cidr network;
  friend auto operator<=>(const TrustedPeer&, const TrustedPeer&) = default;
};

/// A service that may be reached only inside IPsec: the backhaul's (key distribution, CMP by transport BACKHAUL, …), or
/// the one to an enrolment SEG (CMP by transport INITIAL_IPSEC).
struct BackhaulOnlyService {
  common::IpAddress address;
  std::uint16_t tcp_port = 0;
  friend auto operator<=>(const BackhaulOnlyService&, const BackhaulOnlyService&) = default;
};

/// The whole content of the table.
struct GuardSpec {
  std::set<ProtectedPort> ports;
  std::set<AdmittedPeer> admitted;
  std::set<TrustedPeer> trusted;
  std::optional<int> backhaul_reqid;
  std::optional<int> moved_reqid;  ///< Of the backhaul's connection by the operator certificate: as good as the former.
  std::set<common::Cidr> core_networks;  ///< S1-U passes to and from these inside backhaul_reqid.
  std::set<common::IpAddress>
      neighbours;  ///< X2 addresses that are never taken for S1-U, whatever was decided about them.
  std::set<BackhaulOnlyService> backhaul_only;  ///< Refused outside backhaul_reqid unless backhaul_trusted.
  std::set<BackhaulOnlyService> initial_only;   ///< Refused outside initial_reqid, everywhere where there is none.
  std::optional<int> initial_reqid;
  bool backhaul_trusted = false;  ///< By signed policy only.
  friend bool operator==(const GuardSpec&, const GuardSpec&) = default;
};

struct GuardCounters {
  std::uint64_t dropped_out = 0;  ///< Packets.
  std::uint64_t dropped_in = 0;
  std::uint64_t dropped_forward = 0;
  std::uint64_t dropped_backhaul = 0;  ///< To or from backhaul-only and initial-only services, outside their IPsec.
};

/// One thread at a time, but ReadEvents, which another may call meanwhile; Apply and Inspect run `nft` and block for
/// tens of milliseconds.
class Guard {
 public:
  virtual ~Guard() = default;
  /// Makes the table what `spec` says in one transaction, counters kept where rules stay. Nothing is changed on an
  /// error.
  [[nodiscard]] virtual absl::Status Apply(const GuardSpec& spec) = 0;
  /// Whether the kernel's table is the one applied last (or `spec`): false after somebody's flush.
  [[nodiscard]] virtual absl::StatusOr<bool> InPlace(const GuardSpec& spec) = 0;
  [[nodiscard]] virtual absl::StatusOr<GuardCounters> Counters() = 0;
  /// Readable when somebody changed nftables; ReadEvents empties it and says whether our table may be concerned.
  [[nodiscard]] virtual int event_fd() const = 0;
  [[nodiscard]] virtual bool ReadEvents() = 0;
};

}  // namespace henb::x2sec::core
