#pragma once

#include <cstdint>
#include <vector>

namespace henb::lab {

/// Counts numbered packets at the receiver: which came, which came twice, the longest silence between two of them.
/// A sender that starts anew has another session number; its numbers are counted on top. Not thread-safe.
class SequenceTally {
 public:
  /// `now_ns`: monotonic time of reception, nanoseconds.
  void Count(std::uint32_t session, std::uint32_t number, std::int64_t now_ns);

  /// Distinct packets received.
  std::uint64_t received() const { return received_; }
  std::uint64_t duplicated() const { return duplicated_; }
  std::uint64_t reordered() const { return reordered_; }
  /// Numbers up to the highest seen that never came. What was lost after that, only the sender's count tells.
  std::uint64_t missing() const;
  double longest_gap_ms() const { return static_cast<double>(longest_gap_ns_) / 1e6; }
  std::uint64_t sessions() const { return sessions_; }

 private:
  std::vector<bool> seen_;
  std::uint32_t session_ = 0;
  std::uint64_t sessions_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t missing_before_ = 0;
  std::uint64_t in_session_ = 0;
  std::int64_t last_ns_ = -1;
  std::int64_t longest_gap_ns_ = 0;
};

}  // namespace henb::lab
