#include "keydist-server/rpc/peer_gate.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <algorithm>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::rpc {
namespace {

std::string_view Property(const grpc::AuthContext& context, const char* name) {
  const std::vector<grpc::string_ref> values = context.FindPropertyValues(name);
  return values.empty() ? std::string_view() : std::string_view(values[0].data(), values[0].size());
}

}  // namespace

absl::StatusOr<common::IpAddress> AddressOfPeer(std::string_view peer) {
  const auto bad = [&] { return absl::InvalidArgumentError(common::StrCat("peer ", common::Quoted(peer))); };
  const std::size_t port = peer.rfind(':');
  if (port == std::string_view::npos) return bad();
  std::string_view host = peer.substr(0, port);
  if (host.starts_with("ipv4:")) return common::IpAddress::Parse(host.substr(5));
  if (!host.starts_with("ipv6:")) return bad();
  host.remove_prefix(5);
  for (const std::string_view open : {"[", "%5B"}) {
    if (host.starts_with(open)) host.remove_prefix(open.size());
  }
  for (const std::string_view close : {"]", "%5D"}) {
    if (host.ends_with(close)) host.remove_suffix(close.size());
  }
  return common::IpAddress::Parse(host.substr(0, host.find('%')));
}

absl::StatusOr<std::shared_ptr<const service::CallerIdentity>> TlsPeerGate::Admit(
    const grpc::ServerContextBase& context) {
  if (!allowed_.empty()) {
    const absl::StatusOr<common::IpAddress> address = AddressOfPeer(context.peer());
    const auto holds = [&](const common::Cidr& network) { return network.Contains(*address); };
    if (!address.ok() || std::none_of(allowed_.begin(), allowed_.end(), holds)) {
      common::LogWarning("caller_outside_inner_pool", {{"peer", context.peer()}});
      return absl::PermissionDeniedError("not from an address of the inner pool");
    }
  }
  const std::shared_ptr<const grpc::AuthContext> authentication = context.auth_context();
  if (!authentication) return absl::UnauthenticatedError("no client certificate");
  return verifier_.Identify(Property(*authentication, GRPC_X509_PEM_CERT_PROPERTY_NAME),
                            Property(*authentication, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME));
}

}  // namespace henb::keydist::rpc
