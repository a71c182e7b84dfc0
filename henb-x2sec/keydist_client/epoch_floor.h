// No way back to an older key (R47). Pure.
#pragma once

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "henb-x2sec/core/ports/key_service.h"

namespace henb::x2sec::keydist_client {

/// Remembers, for each pair, the newest key that was accepted as current. Epochs and generations only grow at the
/// service: an answer below is stale or replayed. Not synchronised: one thread at a time.
class EpochFloor {
 public:
  /// OK and remembered, or DataLoss: an epoch or a generation below an accepted one, or a next key that does not follow
  /// the current one. A refused answer changes nothing.
  [[nodiscard]] absl::Status Accept(const common::HenbId& peer, const core::PairKeys& keys);

 private:
  struct Floor {
    std::uint64_t epoch = 0;
    std::uint32_t generation_local = 0;
    std::uint32_t generation_peer = 0;
  };
  std::map<common::HenbId, Floor> floors_;
};

}  // namespace henb::x2sec::keydist_client
