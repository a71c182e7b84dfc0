// What pluto asked of late. It knows neighbours by name and asks by serial number: x2secd puts the two together by
// time.
#pragma once

#include <deque>
#include <string>

#include "absl/time/time.h"
#include "henb-x2sec/revocation/verdicts.h"

namespace henb::x2sec::ocspd {

/// The last kMost questions, in memory only. One thread.
class Journal {
 public:
  static constexpr std::size_t kMost = 512;
  void Add(const revocation::Subject& subject, revocation::Verdict verdict, absl::Time now);
  /// {"asked": [{"serial", "name_hash", "key_hash", "verdict", "at_ms"}]}, oldest first; revocation/serial_book.h reads
  /// it.
  [[nodiscard]] std::string Json() const;

 private:
  struct Entry {
    revocation::Subject subject;
    revocation::Verdict verdict;
    absl::Time at;
  };
  std::deque<Entry> entries_;
};

}  // namespace henb::x2sec::ocspd
