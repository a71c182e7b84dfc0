#include "common/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdlib>

namespace henb::common {

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock), epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_.valid() || !wake_.valid()) std::abort();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) std::abort();
}

EventLoop::~EventLoop() = default;

void EventLoop::Run() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    RunOnce(absl::Minutes(1));
  }
}

void EventLoop::RunOnce(absl::Duration wait) {
  if (!timers_.empty()) wait = std::min(wait, timers_.begin()->first.first - clock_.Steady());
  wait = std::max(wait, absl::ZeroDuration());
  epoll_event events[32];
  const auto milliseconds = static_cast<int>(absl::ToInt64Milliseconds(wait + absl::Microseconds(999)));
  const int count = epoll_wait(epoll_.get(), events, 32, milliseconds);
  for (int i = 0; i < count; ++i) {
    const int fd = events[i].data.fd;
    if (fd == wake_.get()) {
      eventfd_t ignored = 0;
      eventfd_read(wake_.get(), &ignored);
      continue;
    }
    // Looked up anew for each: a handler may have removed another one's descriptor.
    const auto it = watched_.find(fd);
    if (it == watched_.end()) continue;
    const auto handler = it->second;
    handler();
  }
  RunDueTimers();
  RunPosted();
}

void EventLoop::RunDueTimers() {
  const absl::Duration now = clock_.Steady();
  const TimerId born_now = next_timer_;  // A task that starts a timer of no delay must not keep the loop here.
  while (!timers_.empty() && timers_.begin()->first.first <= now && timers_.begin()->first.second < born_now) {
    auto node = timers_.extract(timers_.begin());
    due_.erase(node.key().second);
    node.mapped()();
  }
}

void EventLoop::RunPosted() {
  std::deque<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) task();
}

void EventLoop::Post(Task task) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(task));
  eventfd_write(wake_.get(), 1);
}

void EventLoop::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  eventfd_write(wake_.get(), 1);
}

EventLoop::TimerId EventLoop::After(absl::Duration delay, Task task) {
  const TimerId id = next_timer_++;
  const absl::Duration due = clock_.Steady() + delay;
  timers_.emplace(std::pair(due, id), std::move(task));
  due_[id] = due;
  return id;
}

void EventLoop::CancelTimer(TimerId id) {
  const auto it = due_.find(id);
  if (it == due_.end()) return;
  timers_.erase(std::pair(it->second, id));
  due_.erase(it);
}

void EventLoop::WatchReadable(int fd, std::function<void()> ready) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  watched_[fd] = std::move(ready);
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void EventLoop::Unwatch(int fd) {
  watched_.erase(fd);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

}  // namespace henb::common
