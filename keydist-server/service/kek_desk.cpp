// The operator's change of the key-encryption key.
#include <algorithm>

#include "common/status.h"
#include "keydist-server/service/operator_desk.h"

namespace henb::keydist::service {

absl::StatusOr<OperatorDesk::Keks> OperatorDesk::ShowKeks() {
  ASSIGN_OR_RETURN(std::optional<store::StoredKek> in_force, service_.store().KekInForce());
  ASSIGN_OR_RETURN(const std::vector<store::StoredEpoch> epochs, service_.store().Epochs());
  if (!in_force) return absl::FailedPreconditionError("no key-encryption key is in force");
  const auto roots = std::count_if(epochs.begin(), epochs.end(), [&](const store::StoredEpoch& epoch) {
    return store::IsSealedUnder(*in_force, epoch.sealed);
  });
  return Keks{.in_force = *std::move(in_force),
              .at_hand = service_.epochs().keks(),
              .roots = static_cast<std::size_t>(roots),
              .others = service_.clocks().others()};
}

absl::StatusOr<EpochKeeper::Rotated> OperatorDesk::RotateKek() {
  ASSIGN_OR_RETURN(const Keks keks, ShowKeks());
  const std::string& to = keks.at_hand.id();
  if (to == keks.in_force.id && keks.at_hand.keks().size() == 1) {
    return absl::FailedPreconditionError(common::StrCat("the KEK ", common::ToHex(to),
                                                        " is in force, and this server has no other one: has its "
                                                        "configuration been reloaded?"));
  }
  // One that did not have it could not open a root any more. It may have come since the last look.
  ASSIGN_OR_RETURN(const std::vector<domain::ReplicaMark> others, service_.clocks().OthersNow());
  for (const domain::ReplicaMark& other : others) {
    if (std::find(other.keks.begin(), other.keks.end(), to) != other.keks.end()) continue;
    return absl::FailedPreconditionError(
        other.keks.empty()
            ? common::StrCat("replica ", other.name, " is of a release that has one KEK: upgrade it first")
            : common::StrCat("replica ", other.name, " does not have the KEK ", common::ToHex(to),
                             " yet: put it into its configuration and reload it first"));
  }
  const std::string change = common::StrCat("from ", common::ToHex(keks.in_force.id), " to ", common::ToHex(to));
  // What breaks off the rest leaves this record; the same command again ends it.
  RETURN_IF_ERROR_CTX(Record("kek_rotation_begun", change), "nothing is changed: it cannot be audited");
  ASSIGN_OR_RETURN(EpochKeeper::Rotated rotated, service_.epochs().RotateKek(service_.clock().Now()));
  RETURN_IF_ERROR(Audit("kek_rotated", common::StrCat(change, ", ", rotated.roots, " roots")));
  return rotated;
}

}  // namespace henb::keydist::service
