// henb.keydist.v1.KeyDistribution: GetPairKeys on threads of its own, the rest on gRPC's callback API.
#pragma once

#include <memory>

#include "keydist-server/rpc/peer_gate.h"
#include "keydist-server/rpc/watch_stream.h"
#include "keydist-server/service/call_quota.h"
#include "keydist-server/service/key_service.h"

namespace grpc {
class ServerBuilder;
}

namespace henb::keydist::rpc {

/// One thread, but for what gRPC calls.
class HenbRpc {
 public:
  virtual ~HenbRpc() = default;
  /// Before the server is built. Once.
  virtual void AddTo(grpc::ServerBuilder& builder) = 0;
  /// When it is: calls are taken from now on.
  virtual void Start() = 0;
  /// After the server's Shutdown, before it is destroyed.
  virtual void Stop() = 0;
};

/// A caller over its quota gets RESOURCE_EXHAUSTED with the time after which to try again, in milliseconds, in the
/// trailing metadata "grpc-retry-pushback-ms"; it leaves no audit record. The references outlive the returned service,
/// which outlives the server that it was added to.
[[nodiscard]] std::unique_ptr<HenbRpc> MakeHenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams,
                                                   service::CallQuota& quota);

}  // namespace henb::keydist::rpc
