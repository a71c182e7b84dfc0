// One loop thread owns a daemon's state.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/unique_fd.h"

namespace henb::common {

/// epoll loop with timers and a mailbox. Everything but Post and Stop is called on the loop's thread (or before Run).
class EventLoop {
 public:
  using Task = absl::AnyInvocable<void()>;
  using TimerId = std::uint64_t;

  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs until Stop. The caller's thread becomes the loop's.
  void Run();
  /// Handles what is ready or due, waiting `wait` at most. For tests.
  void RunOnce(absl::Duration wait);

  /// Any thread: `task` runs on the loop, in the order of posting. Tasks posted after the loop has ended are dropped.
  void Post(Task task);
  /// Any thread.
  void Stop();

  /// `task` runs once, `delay` from now; cancelled by CancelTimer. The id is never reused.
  TimerId After(absl::Duration delay, Task task);
  void CancelTimer(TimerId id);
  /// `ready` runs whenever `fd` can be read (EPOLLIN, level-triggered). The fd stays the caller's; remove before
  /// closing.
  void WatchReadable(int fd, std::function<void()> ready);
  void Unwatch(int fd);

 private:
  void RunDueTimers();
  void RunPosted();
  const Clock& clock_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::map<std::pair<absl::Duration, TimerId>, Task> timers_;
  std::map<TimerId, absl::Duration> due_;
  std::map<int, std::function<void()>> watched_;
  TimerId next_timer_ = 1;
  std::mutex mutex_;
  std::deque<Task> posted_;
  bool stopping_ = false;
};

}  // namespace henb::common
