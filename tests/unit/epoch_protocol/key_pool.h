// Keys of a search, each a small number.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/secret_bytes.h"
#include "keydist-server/domain/pair_key.h"
#include "tests/unit/epoch_protocol/state.h"

namespace henb::epoch_protocol {

/// Derives with the server's own EpochKeys, and remembers which key stands for what. The n-th root of an epoch is the
/// same in every branch of a search, so that a second key for one version anywhere is a second key.
class KeyPool {
 public:
  /// What a key stands for. Generations of the lower identity and of the higher.
  struct Meaning {
    std::uint8_t epoch = 0;
    std::uint8_t lower = 0;
    std::uint8_t higher = 0;
    friend auto operator<=>(const Meaning&, const Meaning&) = default;
  };

  /// The IKE key of `meaning` from the `nth` root of its epoch, derived for the caller (0: lower, 1: higher).
  /// `violation` tells of a second key for one meaning, or of one key for two, the PPK included.
  std::uint8_t Issue(const Meaning& meaning, int nth, int caller, bool with_generations, std::string* violation);
  [[nodiscard]] common::SecretBytes Octets(std::uint8_t key) const;
  [[nodiscard]] std::uint8_t NumberOf(const common::SecretBytes& octets) const;
  [[nodiscard]] const Meaning& MeaningOf(std::uint8_t key) const { return meanings_.at(key); }

 private:
  using Octets32 = std::array<std::uint8_t, keydist::domain::kPairKeySize>;
  const keydist::domain::EpochKeys& Keys(std::uint8_t epoch, int nth);
  std::map<std::pair<std::uint8_t, int>, std::shared_ptr<const keydist::domain::EpochKeys>> epochs_;
  std::map<std::array<std::uint8_t, 6>, std::uint8_t> issued_;  // By all that goes into Issue.
  std::map<std::pair<Meaning, keydist::domain::Purpose>, Octets32> by_meaning_;
  std::map<Octets32, std::pair<Meaning, keydist::domain::Purpose>> by_octets_;
  std::map<Octets32, std::uint8_t> numbers_;
  std::vector<Octets32> octets_{1};
  std::vector<Meaning> meanings_{1};
};

}  // namespace henb::epoch_protocol
