// henb.keydist.v1.KeyDistribution on gRPC's callback API.
#pragma once

#include <memory>

#include "keydist-server/rpc/peer_gate.h"
#include "keydist-server/rpc/watch_stream.h"
#include "keydist-server/service/call_quota.h"
#include "keydist-server/service/key_service.h"

namespace grpc {
class Service;
}

namespace henb::keydist::rpc {

/// A caller over its quota gets RESOURCE_EXHAUSTED with the time after which to try again, in milliseconds, in the
/// trailing metadata "grpc-retry-pushback-ms"; it leaves no audit record. The references outlive the returned service,
/// which outlives the server that it is registered with.
[[nodiscard]] std::unique_ptr<grpc::Service> MakeHenbRpc(service::KeyService& service, PeerGate& gate,
                                                         WatchStreams& streams, service::CallQuota& quota);

}  // namespace henb::keydist::rpc
