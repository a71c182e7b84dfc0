#include "tests/lab/traffic/sequence_tally.h"

#include <algorithm>

namespace henb::lab {

void SequenceTally::Count(std::uint32_t session, std::uint32_t number, std::int64_t now_ns) {
  if (sessions_ == 0 || session != session_) {
    missing_before_ = missing();
    seen_.clear();
    in_session_ = 0;
    session_ = session;
    ++sessions_;
  }
  if (last_ns_ >= 0) longest_gap_ns_ = std::max(longest_gap_ns_, now_ns - last_ns_);
  last_ns_ = now_ns;
  if (number < seen_.size()) {
    if (seen_[number]) {
      ++duplicated_;
      return;
    }
    ++reordered_;
  } else {
    seen_.resize(static_cast<std::size_t>(number) + 1, false);
  }
  seen_[number] = true;
  ++received_;
  ++in_session_;
}

std::uint64_t SequenceTally::missing() const { return missing_before_ + seen_.size() - in_session_; }

}  // namespace henb::lab
