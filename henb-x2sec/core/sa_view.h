// What the SAs of one connection amount to: pluto's and the kernel's word joined. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::x2sec::core {

/// A child SA that the kernel holds in both directions.
struct LiveChild {
  std::uint64_t serial = 0;  ///< pluto's; 0 when pluto does not know it (an orphan of a dead pluto).
  std::uint64_t ike_serial = 0;
  std::uint32_t spi_out = 0;
  std::uint32_t spi_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  friend bool operator==(const LiveChild&, const LiveChild&) = default;
};

/// The established children of `connection` that the kernel holds both ways for this address pair and reqid, oldest
/// first.
[[nodiscard]] std::vector<LiveChild> LiveChildren(const ConnectionSpec& connection, const IkeSnapshot& ike,
                                                  const KernelSnapshot& kernel);

/// SAs of this pair and reqid that pluto knows nothing of. Ours to remove once a living child has taken over.
[[nodiscard]] std::vector<SaInfo> OrphanSas(const ConnectionSpec& connection, const IkeSnapshot& ike,
                                            const KernelSnapshot& kernel);

/// Those of `found` that have been there for `after`. `seen` says of the others since when, by SPI, and forgets the
/// rest.
[[nodiscard]] std::vector<SaInfo> SeenFor(const std::vector<SaInfo>& found, absl::Duration now, absl::Duration after,
                                          std::map<std::uint32_t, absl::Duration>* seen);

/// The outbound SPI that traffic belongs on. Children come oldest first. The pinned one stays while it lives, until a
/// newer child has received something: then the peer has moved, and we follow (notes: moving earlier at the responder
/// loses packets). With no pin that lives: the newest that has received something, else the newest.
[[nodiscard]] std::optional<std::uint32_t> ChoosePin(const std::vector<LiveChild>& children,
                                                     std::optional<std::uint32_t> pinned);

/// The newest outbound SA of this connection's ends and reqid that has one back: where traffic goes on at once when the
/// peer has replaced the pinned SA (a CREATE_CHILD_SA of its own, RFC 7296 §2.8) and pluto has not been asked yet. For
/// connections that share their ends with no other: the kernel does not tell their SAs apart.
[[nodiscard]] std::optional<std::uint32_t> Successor(const ConnectionSpec& connection, const KernelSnapshot& kernel);

/// The pin that an earlier run of ours left for this connection, if its SA is still there.
[[nodiscard]] std::optional<std::uint32_t> AdoptedPin(const ConnectionSpec& connection, const KernelSnapshot& kernel);

/// The child of this outbound SPI.
[[nodiscard]] const LiveChild* FindChild(const std::vector<LiveChild>& children, std::optional<std::uint32_t> spi_out);

/// States to delete so that one child is left (R22), asked for by one end only, the lower identity, when nothing is
/// changing: every IKE SA that carries no kept child, and superfluous children on kept ones. Empty when there is
/// nothing superfluous.
[[nodiscard]] std::vector<std::uint64_t> Superfluous(const std::vector<std::vector<LiveChild>>& children_by_connection,
                                                     const std::vector<std::optional<std::uint32_t>>& pins);

/// How often each superfluous state was asked to go, by serial.
using SurplusAsked = std::map<std::uint64_t, int>;

/// Counts that these are asked to go now; what is not superfluous any more is forgotten. True when one of them was
/// asked twice before and is still there: pluto 4.10 loses an exchange when two CREATE_CHILD_SA cross, and the
/// IKE SA that waits for it for ever neither deletes its children nor itself. Only the connection given anew ends it.
[[nodiscard]] bool CountSurplus(const std::vector<std::uint64_t>& superfluous, SurplusAsked* asked);

}  // namespace henb::x2sec::core
