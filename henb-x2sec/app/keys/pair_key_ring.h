// The keys of one pair that this HeNB holds.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/core/ports/key_service.h"

namespace henb::x2sec::app {

struct KeyVersion {
  std::uint64_t epoch = 0;
  std::uint32_t generation_local = 0;
  std::uint32_t generation_peer = 0;
  friend bool operator==(const KeyVersion&, const KeyVersion&) = default;
};

/// Current and next key in memory, and the newest version that was ever taken. Times are of the steady clock. Pure; one
/// thread.
class PairKeyRing {
 public:
  static constexpr std::size_t kKeySize = 32;

  enum class Verdict {
    kSame,       ///< Nothing new about the current key.
    kFresh,      ///< current() is a new key, to be installed.
    kStale,      ///< An older epoch or generation than one that was taken before: refused (R47).
    kConflict,   ///< The version that is held, with other octets: refused.
    kMalformed,  ///< Not 32 octets.
  };
  struct Held {
    KeyVersion version;
    common::SecretBytes key;  ///< Empty: recalled.
    absl::Duration activate_at;
    absl::Duration expire_at;
  };

  /// An answer that arrived at `now`. Refused answers change nothing. A `next` key that is older or no key is left out.
  [[nodiscard]] Verdict Take(core::PairKeys answer, absl::Duration now);
  /// The current key is one that an earlier run of ours gave to pluto, known by its numbers only. Before the first
  /// Take.
  void Recall(const KeyVersion& version, absl::Duration expire_at);
  /// Makes the next key the current one if its time has come.
  [[nodiscard]] bool Advance(absl::Duration now);
  /// Wipes the current key if its time is over. After Advance.
  [[nodiscard]] bool Expire(absl::Duration now);
  /// When Advance or Expire has to be called next; infinite when there is nothing to come.
  [[nodiscard]] absl::Duration TurnsAt() const;
  /// Wipes the keys; versions that were taken are remembered.
  void Forget();

  [[nodiscard]] const std::optional<Held>& current() const { return current_; }
  [[nodiscard]] const std::optional<Held>& next() const { return next_; }
  /// How long from `now` until it is time to ask for the keys again.
  [[nodiscard]] absl::Duration AskAgainIn(absl::Duration now) const;

 private:
  [[nodiscard]] bool IsStale(const KeyVersion& version) const;
  std::optional<Held> current_;
  std::optional<Held> next_;
  std::optional<KeyVersion> newest_;
};

[[nodiscard]] std::string_view VerdictName(PairKeyRing::Verdict verdict);

}  // namespace henb::x2sec::app
