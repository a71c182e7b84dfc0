// Who a call comes from, by its connection.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ip_address.h"
#include "keydist-server/rpc/peer_verifier.h"

namespace grpc {
class ServerContextBase;
}

namespace henb::keydist::rpc {

/// Any thread.
class PeerGate {
 public:
  virtual ~PeerGate() = default;
  /// Unauthenticated: no usable certificate. PermissionDenied: from an address that is not allowed.
  [[nodiscard]] virtual absl::StatusOr<std::shared_ptr<const service::CallerIdentity>> Admit(
      const grpc::ServerContextBase& context) = 0;
};

/// By the TLS certificate, and by the peer's address where `allowed` is not empty (placement behind_segw).
class TlsPeerGate final : public PeerGate {
 public:
  TlsPeerGate(PeerVerifier& verifier, std::vector<common::Cidr> allowed)
      : verifier_(verifier), allowed_(std::move(allowed)) {}
  absl::StatusOr<std::shared_ptr<const service::CallerIdentity>> Admit(const grpc::ServerContextBase& context) override;

 private:
  PeerVerifier& verifier_;
  std::vector<common::Cidr> allowed_;
};

/// The address in gRPC's text for a peer, "ipv4:10.0.0.1:4711" or "ipv6:%5B2001:db8::1%5D:4711".
[[nodiscard]] absl::StatusOr<common::IpAddress> AddressOfPeer(std::string_view peer);

}  // namespace henb::keydist::rpc
