// The SAs of the search: the product's key-change machine over a state's Link.
#pragma once

#include <string>

#include "tests/unit/epoch_protocol/mistake.h"
#include "tests/unit/epoch_protocol/state.h"

namespace henb::epoch_protocol {

/// `violation` tells of an SA that carried and was deleted though no other one carries.
class LinkSide {
 public:
  explicit LinkSide(Mistake mistake) : mistake_(mistake) {}

  void Begin(Link* link, int changer) const;
  /// The second IKE SA is there, authenticated with `key`; 0: the two ends do not hold the same. False: the change has
  /// failed.
  [[nodiscard]] bool Reauthenticate(Link* link, std::uint8_t key, std::string* violation) const;
  /// New child, pins, old SA deleted.
  void Finish(Link* link, std::string* violation) const;

 private:
  Mistake mistake_;
};

}  // namespace henb::epoch_protocol
