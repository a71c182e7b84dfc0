// Which pair keys lie in the secrets file, by their numbers.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "common/henb_id.h"
#include "henb-x2sec/app/keys/pair_key_ring.h"

namespace henb::x2sec::app {

/// What a daemon that starts anew has to know of the keys that an earlier run gave to pluto: version and end (R47,
/// R49), also of one that has expired since, as long as SAs may carry on it. Numbers, never keys. A file beside the
/// secrets file, in memory as that is, so it ends with it; times are of the steady clock, which goes on until then.
/// Each change is written at once; what could not be written is older than the truth, so a key ends too early, never
/// too late. Loop thread.
class KeyLedger {
 public:
  struct Entry {
    KeyVersion version;
    absl::Duration expire_at;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  /// A missing file is an empty ledger; so is a damaged one, with an alarm.
  explicit KeyLedger(std::string path);
  /// Null: nothing is known of that pair's key.
  [[nodiscard]] const Entry* Find(const common::HenbId& peer) const;
  [[nodiscard]] std::set<common::HenbId> Peers() const;
  void Keep(const common::HenbId& peer, const Entry& entry);
  void Erase(const common::HenbId& peer);
  void EraseAllBut(const std::set<common::HenbId>& peers);

 private:
  void Write();
  std::string path_;
  std::map<common::HenbId, Entry> entries_;
};

}  // namespace henb::x2sec::app
