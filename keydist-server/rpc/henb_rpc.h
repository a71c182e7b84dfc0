// henb.keydist.v1.KeyDistribution on gRPC's callback API.
#pragma once

#include <memory>

#include "keydist-server/rpc/peer_gate.h"
#include "keydist-server/rpc/watch_stream.h"
#include "keydist-server/service/key_service.h"

namespace grpc {
class Service;
}

namespace henb::keydist::rpc {

/// The references outlive the returned service, which outlives the server that it is registered with.
[[nodiscard]] std::unique_ptr<grpc::Service> MakeHenbRpc(service::KeyService& service, PeerGate& gate,
                                                         WatchStreams& streams);

}  // namespace henb::keydist::rpc
