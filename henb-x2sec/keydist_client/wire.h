// Messages to values, and back.
#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/key_service.h"
#include "henb/keydist/v1/keydist.pb.h"

namespace henb::x2sec::keydist_client {

[[nodiscard]] henb::keydist::v1::RegisterRequest ToWire(const core::RegisterFacts& facts);

/// Takes the keys out of `response` and zeroises them there, whatever the result. DataLoss: not the answers to `peers`
/// in their order; as the result of one peer: a key that has not 32 octets. The others are good.
[[nodiscard]] absl::StatusOr<std::vector<core::PairResult>> TakeResults(
    std::span<const common::HenbId> peers, henb::keydist::v1::GetPairKeysResponse* response);

/// DataLoss: an event of no known kind, or a malformed peer.
[[nodiscard]] absl::StatusOr<core::KeyServiceEvent> FromWire(const henb::keydist::v1::Event& event);

}  // namespace henb::x2sec::keydist_client
