// Calls from other threads into the loop, with a deadline.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/event_loop.h"

namespace henb::x2sec::app {

/// Where an answer of type T is awaited by a thread that is not the loop's. The loop's side may answer long after the
/// waiting side has gone.
template <typename T>
class Answer {
 public:
  void Give(T value) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    given_.notify_all();
  }
  /// Nothing after `deadline`.
  [[nodiscard]] std::optional<T> Await(absl::Duration deadline) {
    std::unique_lock lock(mutex_);
    given_.wait_for(lock, absl::ToChronoNanoseconds(deadline), [this] { return value_.has_value(); });
    return std::exchange(value_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
};

/// Runs `start(answer)` on the loop and waits for `answer->Give(…)`. T is absl::Status or absl::StatusOr<…>;
/// DeadlineExceeded when nothing came in time. Not on the loop's thread.
template <typename T, typename Start>
[[nodiscard]] T CallLoop(common::EventLoop& loop, absl::Duration deadline, Start start) {
  auto answer = std::make_shared<Answer<T>>();
  loop.Post([answer, start = std::move(start)]() mutable { start(answer); });
  std::optional<T> given = answer->Await(deadline);
  if (!given) return T(absl::DeadlineExceededError("the daemon did not answer in time"));
  return *std::move(given);
}

}  // namespace henb::x2sec::app
