// The kernel's IPsec through NETLINK_XFRM.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/xfrm/kernel_policy.h"
#include "henb-x2sec/xfrm/netlink_socket.h"
#include "henb-x2sec/xfrm/xfrm_writer.h"

namespace henb::x2sec::xfrm {

/// Owns two sockets, one for requests, one for events, of the network namespace of the thread that opened it. Its
/// policies are for a host's own traffic: pins and clear pairs have no forward policies; forwarded traffic of the
/// protected ports meets the belt. Unmarked policies of the main type only. A foreign policy with the selector of one
/// of ours is never replaced: SetPin, AllowClear and InstallBelt then answer FailedPrecondition and name it. One thread
/// at a time; a change takes well under a millisecond.
class XfrmKernel final : public core::KernelIpsec {
 public:
  /// `ports`: the protected ones. PermissionDenied without CAP_NET_ADMIN; Unimplemented for a kernel without XFRM.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<XfrmKernel>> Open(std::set<core::ProtectedPort> ports);

  /// Larval states (an SPI was reserved, no keys yet) are left out, and SAs of other protocols than ESP.
  [[nodiscard]] absl::StatusOr<core::KernelSnapshot> Snapshot() override;
  [[nodiscard]] absl::Status InstallBelt() override;
  [[nodiscard]] absl::Status SetPin(const core::Pin& pin) override;
  [[nodiscard]] absl::Status RemovePin(const common::IpAddress& local, const common::IpAddress& peer) override;
  [[nodiscard]] absl::Status SetTunnelPin(const core::TunnelPin& pin) override;
  [[nodiscard]] absl::Status RemoveTunnelPin(const common::IpAddress& local, const common::Cidr& network) override;
  /// Replaces the pair's pin in one step, as SetPin replaces the exception: the kernel holds one policy for a selector.
  [[nodiscard]] absl::Status AllowClear(const core::ClearPair& pair) override;
  [[nodiscard]] absl::Status ForbidClear(const core::ClearPair& pair) override;
  [[nodiscard]] absl::Status DeleteSa(const core::SaInfo& sa) override;
  [[nodiscard]] int event_fd() const override { return events_.fd(); }
  [[nodiscard]] std::vector<core::SaEvent> ReadEvents() override;

 private:
  XfrmKernel(NetlinkSocket requests, NetlinkSocket events, std::set<core::ProtectedPort> ports);
  template <typename Value, typename Parse>
  absl::Status Dump(const Message& request, std::uint32_t sequence, const Parse& parse, std::vector<Value>* out);
  absl::StatusOr<std::vector<KernelPolicy>> DumpPolicies();
  absl::StatusOr<std::optional<KernelPolicy>> Find(const PolicySelector& selector);
  /// Puts every policy of `wanted` in place that is not there as it should be.
  absl::Status Put(const std::vector<KernelPolicy>& wanted);
  /// Deletes those policies with the selectors of `policies` that have their priority.
  absl::Status Delete(const std::vector<KernelPolicy>& policies);
  /// Sends requests that are acknowledged one by one, as one datagram; the first error that is not `tolerated`.
  absl::Status Transact(std::vector<Message> messages, std::uint32_t first_sequence, int tolerated);

  NetlinkSocket requests_;
  NetlinkSocket events_;
  std::set<core::ProtectedPort> ports_;
  std::uint32_t sequence_ = 0;
};

}  // namespace henb::x2sec::xfrm
