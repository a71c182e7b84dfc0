#include "henb-x2sec/keydist_client/epoch_floor.h"

#include "common/status.h"

namespace henb::x2sec::keydist_client {

absl::Status EpochFloor::Accept(const common::HenbId& peer, const core::PairKeys& keys) {
  const core::PairKey& current = keys.current;
  if (const auto found = floors_.find(peer); found != floors_.end()) {
    const Floor& floor = found->second;
    if (current.epoch < floor.epoch) {
      return absl::DataLossError(
          common::StrCat("stale key for ", peer.str(), ": epoch ", current.epoch, " after epoch ", floor.epoch));
    }
    if (current.generation_local < floor.generation_local || current.generation_peer < floor.generation_peer) {
      return absl::DataLossError(common::StrCat("stale key for ", peer.str(), ": generations ",
                                                current.generation_local, "/", current.generation_peer, " after ",
                                                floor.generation_local, "/", floor.generation_peer));
    }
  }
  if (keys.next && keys.next->epoch <= current.epoch) {
    return absl::DataLossError(common::StrCat("next key for ", peer.str(), ": epoch ", keys.next->epoch,
                                              " does not follow epoch ", current.epoch));
  }
  floors_[peer] = {current.epoch, current.generation_local, current.generation_peer};
  return absl::OkStatus();
}

}  // namespace henb::x2sec::keydist_client
