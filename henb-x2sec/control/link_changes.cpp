#include "henb-x2sec/control/link_changes.h"

namespace henb::x2sec::control {

void LinkChanges::Notify() {
  {
    const std::lock_guard lock(mutex_);
    ++revision_;
  }
  changed_.notify_all();
}

void LinkChanges::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

std::uint64_t LinkChanges::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

bool LinkChanges::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void LinkChanges::WaitPast(std::uint64_t seen, absl::Duration patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(patience), [&] { return stopped_ || revision_ > seen; });
}

void LinkChanges::Rest(absl::Duration patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(patience), [&] { return stopped_; });
}

}  // namespace henb::x2sec::control
