// The port to the kernel's IPsec (XFRM).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ip_address.h"

namespace henb::x2sec::core {

/// A protected transport port: X2-C is SCTP 36422 (TS 36.422), X2-U is UDP 2152 (TS 29.281).
struct ProtectedPort {
  enum class Protocol : std::uint8_t { kSctp, kUdp };
  Protocol protocol = Protocol::kUdp;
  std::uint16_t port = 0;
  friend auto operator<=>(const ProtectedPort&, const ProtectedPort&) = default;
};

/// X2-C and X2-U; the configuration may name others.
[[nodiscard]] inline std::set<ProtectedPort> X2Ports() {
  return {{ProtectedPort::Protocol::kSctp, 36422}, {ProtectedPort::Protocol::kUdp, 2152}};
}

/// A kernel SA as dumped. Never its keys: implementations zeroise the buffers that held them.
struct SaInfo {
  std::uint32_t spi = 0;
  common::IpAddress source;
  common::IpAddress destination;
  int reqid = 0;
  bool tunnel = true;
  bool in_udp = false;  ///< RFC 3948: there is a NAT box on the way.
  std::string suite;    ///< "rfc4106(gcm(aes))/288" and the like.
  std::uint32_t replay_window = 0;
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::uint64_t added_at = 0;  ///< Seconds since 1970, the kernel's.
};

/// Our own policies for one address pair of a neighbour, at a better priority than pluto's. Outbound traffic of the
/// protected ports is encrypted with `spi_out`, or dropped while that is not set (notes: no SA, no packet). Inbound
/// needs ESP of the pair.
struct Pin {
  common::IpAddress local;  ///< Selectors.
  common::IpAddress peer;
  common::IpAddress
      local_end;  ///< Ends of the SA (the template's addresses); the same unless IKE has addresses of its own.
  common::IpAddress peer_end;
  int reqid = 0;
  bool transport_mode = false;
  std::optional<std::uint32_t> spi_out;
  friend auto operator<=>(const Pin&, const Pin&) = default;
};

/// A trusted link's exception from the block belt.
struct ClearPair {
  common::IpAddress local;
  common::IpAddress peer;
  friend auto operator<=>(const ClearPair&, const ClearPair&) = default;
};

/// Our own policies for all traffic between one address of ours and a network behind a security gateway: outbound it is
/// encrypted with an SA of `reqid` (the newest, or `spi_out` where set), or dropped where there is none; inbound it
/// needs ESP between the ends. Better than pluto's own policies for the two, worse than those for a pair of hosts.
struct TunnelPin {
  common::IpAddress local;
  common::Cidr network;  ///< Not a single address, nor with `local` in it.
  common::IpAddress local_end;
  common::IpAddress peer_end;
  int reqid = 0;
  std::optional<std::uint32_t> spi_out;
  bool from_any_peer = false;  ///< Inbound the ESP may come from another end than peer_end: while one replaces another.
  friend auto operator<=>(const TunnelPin&, const TunnelPin&) = default;
};

struct KernelSnapshot {
  std::vector<SaInfo> sas;       ///< All of the host's; callers look at their own reqids only.
  std::vector<Pin> pins;         ///< Whole ones: every policy of the pin is there.
  std::vector<Pin> broken_pins;  ///< Some of its policies are missing or differ.
  std::vector<ClearPair> clear_pairs;
  std::vector<ClearPair> broken_clear_pairs;  ///< Some of their policies only: allow or forbid them.
  std::vector<TunnelPin> tunnel_pins;         ///< As `pins`.
  std::vector<TunnelPin> broken_tunnel_pins;  ///< As `broken_pins`.
  bool belt_whole = false;                    ///< Every block policy of the second belt is there.
};

struct SaEvent {
  enum class Kind { kAdded, kDeleted, kExpired, kPolicyChanged, kLost /* events were lost: take a snapshot */ };
  Kind kind = Kind::kLost;
  std::uint32_t spi = 0;
  int reqid = 0;
};

/// Snapshot and changes are quick and may be called on the loop thread; one thread at a time. Errors carry the kernel's
/// errno text.
class KernelIpsec {
 public:
  virtual ~KernelIpsec() = default;
  [[nodiscard]] virtual absl::StatusOr<KernelSnapshot> Snapshot() = 0;
  /// The second belt: block the protected ports for any address, IPv4 and IPv6, in and out (and fwd), at the worst
  /// priority. Idempotent.
  [[nodiscard]] virtual absl::Status InstallBelt() = 0;
  /// Installs or moves a pin; existing policies are updated in place, so that no packet meets a gap.
  [[nodiscard]] virtual absl::Status SetPin(const Pin& pin) = 0;
  /// OK when there is none.
  [[nodiscard]] virtual absl::Status RemovePin(const common::IpAddress& local, const common::IpAddress& peer) = 0;
  /// As SetPin and RemovePin. Of one `local` and `network` there is one.
  [[nodiscard]] virtual absl::Status SetTunnelPin(const TunnelPin& pin) = 0;
  [[nodiscard]] virtual absl::Status RemoveTunnelPin(const common::IpAddress& local, const common::Cidr& network) = 0;
  [[nodiscard]] virtual absl::Status AllowClear(const ClearPair& pair) = 0;
  [[nodiscard]] virtual absl::Status ForbidClear(const ClearPair& pair) = 0;
  /// For orphans of a dead pluto. OK when it is gone.
  [[nodiscard]] virtual absl::Status DeleteSa(const SaInfo& sa) = 0;
  /// Readable when events wait; -1 when there is none to watch.
  [[nodiscard]] virtual int event_fd() const = 0;
  [[nodiscard]] virtual std::vector<SaEvent> ReadEvents() = 0;
};

}  // namespace henb::x2sec::core
