// A HeNB of the search: the product's own classes over a state's End.
#pragma once

#include <string>

#include "henb-x2sec/core/epoch_schedule.h"
#include "tests/unit/epoch_protocol/key_pool.h"
#include "tests/unit/epoch_protocol/mistake.h"
#include "tests/unit/epoch_protocol/state.h"

namespace henb::epoch_protocol {

/// PairKeyRing and EpochFloor are made from an End through their own interface, used, and read back.
class EndSide {
 public:
  EndSide(const KeyPool& keys, Mistake mistake) : keys_(keys), mistake_(mistake) {}

  /// The answer in flight arrives: floor, ring, and what follows as in KeyDistribution. `now` is true time, `end` its
  /// index.
  void Take(End* self, int end, int now) const;
  /// The pair's timer, as in KeyDistribution. False when nothing is due.
  [[nodiscard]] bool Turn(End* self, int now) const;
  /// SecretInstaller is through: the ring's current key is in the file. `link_is_up` decides about a key change.
  void Install(End* self, int end, bool link_is_up) const;
  void Deny(End* self) const;
  /// x2secd starts anew; with `reboot` the tmpfs is empty too.
  void Restart(End* self, int end, int now, bool reboot) const;
  [[nodiscard]] static x2sec::core::KeyStanding Standing(const End& self);

 private:
  /// Whether a fresh key is to be installed: always, but for a planted mistake.
  [[nodiscard]] std::uint8_t Wants(const End& self) const;
  /// Version of the key in the file.
  [[nodiscard]] Version InFile(const End& self, int end) const;
  const KeyPool& keys_;
  Mistake mistake_;
};

}  // namespace henb::epoch_protocol
