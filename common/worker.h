// Threads for what blocks; results go back to the loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/event_loop.h"

namespace henb::common {

/// A queue served by a fixed number of threads; with one thread, jobs run in order. Run is called on any thread.
class Worker {
 public:
  Worker(EventLoop& loop, int threads);
  /// Lets running jobs end, drops waiting ones.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// `job` runs on a thread of the worker's, then `done` with its result on the loop's.
  template <typename Job, typename Done>
  void Run(Job job, Done done) {
    Enqueue([this, job = std::move(job), done = std::move(done)]() mutable {
      loop_.Post([result = job(), done = std::move(done)]() mutable { done(std::move(result)); });
    });
  }

  /// Ends the threads after their running jobs. Idempotent.
  void Stop();

 private:
  using Task = absl::AnyInvocable<void()>;
  void Enqueue(Task task);
  void Serve();
  EventLoop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace henb::common
