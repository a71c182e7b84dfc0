// GetPairKeys on the wire, read and written by hand: names are looked at where they lie in the request, keys are
// derived straight into the answer's memory, which is zeroised when gRPC lets go of it. The tests hold it against the
// generated classes.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "keydist-server/service/key_service.h"

namespace grpc {
class ByteBuffer;
class Slice;
}  // namespace grpc

namespace henb::keydist::rpc {

/// A parsed GetPairKeysRequest; the views point into the octets it was read from.
struct PairKeysQuery {
  std::array<std::string_view, service::kMaxPeers> names;
  std::size_t count = 0;
  domain::Purpose purpose = domain::Purpose::kIkePsk;
  [[nodiscard]] std::span<const std::string_view> peers() const { return {names.data(), count}; }
};

/// Reads henb.keydist.v1.GetPairKeysRequest. InvalidArgument: not a message of that form, no peer, more than kMaxPeers,
/// a name longer than a HeNB's, no known purpose. Unknown fields are skipped.
[[nodiscard]] absl::Status ReadPairKeysQuery(std::string_view message, PairKeysQuery* query);

/// Derives the keys that `decision` grants and encodes henb.keydist.v1.GetPairKeysResponse.
[[nodiscard]] grpc::Slice WritePairKeysAnswer(std::string_view caller, const PairKeysQuery& query,
                                              const service::Decision& decision);

}  // namespace henb::keydist::rpc
