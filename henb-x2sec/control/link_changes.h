// Wakes those who wait for a link.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"

namespace henb::x2sec::control {

/// A counter of changes that threads wait on. Any thread.
class LinkChanges {
 public:
  /// Never blocks for long: holds the mutex for an increment.
  void Notify();
  /// Wakes everybody for good.
  void Stop();

  [[nodiscard]] std::uint64_t revision() const;
  [[nodiscard]] bool stopped() const;
  /// Until the revision is past `seen`, `patience` is over or Stop.
  void WaitPast(std::uint64_t seen, absl::Duration patience);
  /// Until `patience` is over or Stop.
  void Rest(absl::Duration patience);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t revision_ = 1;
  bool stopped_ = false;
};

}  // namespace henb::x2sec::control
