#include "tests/unit/epoch_protocol/key_pool.h"

#include <algorithm>

#include "common/digest.h"
#include "common/strings.h"

namespace henb::epoch_protocol {

using keydist::domain::EpochKeys;
using keydist::domain::Purpose;

const EpochKeys& KeyPool::Keys(std::uint8_t epoch, int nth) {
  auto& keys = epochs_[{epoch, nth}];
  if (keys == nullptr) {
    const auto digest = common::Sha256Digest::Of(common::StrCat("root ", nth, " of epoch ", static_cast<int>(epoch)));
    keys = EpochKeys::FromRoot(epoch, common::SecretBytes::CopyOf(digest.bytes())).value();
  }
  return *keys;
}

std::uint8_t KeyPool::Issue(const Meaning& meaning, int nth, int caller, bool with_generations,
                            std::string* violation) {
  const std::array<std::uint8_t, 6> question{
      meaning.epoch,   meaning.lower, meaning.higher, static_cast<std::uint8_t>(nth), static_cast<std::uint8_t>(caller),
      with_generations};
  if (const auto known = issued_.find(question); known != issued_.end()) return known->second;
  const keydist::domain::KeyEnd lower{.id = "a.example", .generation = with_generations ? meaning.lower : 1U};
  const keydist::domain::KeyEnd higher{.id = "b.example", .generation = with_generations ? meaning.higher : 1U};
  std::uint8_t number = 0;
  for (const Purpose purpose : {Purpose::kPpk, Purpose::kIkePsk}) {
    Octets32 octets;
    Keys(meaning.epoch, nth)
        .Derive(caller == 0 ? lower : higher, caller == 0 ? higher : lower, purpose,
                std::span<std::uint8_t, keydist::domain::kPairKeySize>(octets));
    const std::string what = common::StrCat("epoch ", static_cast<int>(meaning.epoch), ", generations ",
                                            static_cast<int>(meaning.lower), "/", static_cast<int>(meaning.higher));
    const auto [of_meaning, new_meaning] = by_meaning_.try_emplace({meaning, purpose}, octets);
    if (of_meaning->second != octets) *violation = common::StrCat("two keys for ", what);
    const auto [of_octets, new_octets] = by_octets_.try_emplace(octets, meaning, purpose);
    if (of_octets->second != std::pair(meaning, purpose))
      *violation = common::StrCat("the key of another one for ", what);
    const auto [at, is_new] = numbers_.try_emplace(octets, static_cast<std::uint8_t>(octets_.size()));
    if (is_new) {
      octets_.push_back(octets);
      meanings_.push_back(meaning);
    }
    number = at->second;
  }
  // An offence is told to whoever asks, every time.
  if (violation->empty()) issued_.emplace(question, number);
  return number;
}

common::SecretBytes KeyPool::Octets(std::uint8_t key) const { return common::SecretBytes::CopyOf(octets_.at(key)); }

std::uint8_t KeyPool::NumberOf(const common::SecretBytes& octets) const {
  Octets32 wanted{};
  std::copy_n(octets.data(), std::min(octets.size(), wanted.size()), wanted.begin());
  return numbers_.at(wanted);
}

}  // namespace henb::epoch_protocol
