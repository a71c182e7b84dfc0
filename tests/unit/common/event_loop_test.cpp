#include "common/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace henb::common {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  FakeClock clock_;
  EventLoop loop_{clock_};
};

TEST_F(EventLoopTest, TimersRunWhenDueInTheirOrder) {
  std::vector<int> ran;
  loop_.After(absl::Seconds(2), [&] { ran.push_back(2); });
  loop_.After(absl::Seconds(1), [&] { ran.push_back(1); });
  loop_.After(absl::Seconds(2), [&] { ran.push_back(3); });
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_TRUE(ran.empty());
  clock_.Advance(absl::Seconds(1));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(ran, std::vector<int>{1});
  clock_.Advance(absl::Seconds(5));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
}

TEST_F(EventLoopTest, ACalendarJumpMovesNoTimer) {
  bool ran = false;
  loop_.After(absl::Seconds(1), [&] { ran = true; });
  clock_.SetNow(clock_.Now() + absl::Hours(24));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, CancelledTimersDoNotRun) {
  bool ran = false;
  const EventLoop::TimerId id = loop_.After(absl::Seconds(1), [&] { ran = true; });
  loop_.CancelTimer(id);
  loop_.CancelTimer(id);
  loop_.CancelTimer(999);
  clock_.Advance(absl::Seconds(2));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, ATimerMayCancelTheNext) {
  bool ran = false;
  EventLoop::TimerId second = 0;
  loop_.After(absl::Seconds(1), [&] { loop_.CancelTimer(second); });
  second = loop_.After(absl::Seconds(1), [&] { ran = true; });
  clock_.Advance(absl::Seconds(2));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, ATimerOfNoDelayDoesNotHoldTheLoop) {
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    loop_.After(absl::ZeroDuration(), [&] { again(); });
  };
  again();
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(runs, 2);
}

TEST_F(EventLoopTest, PostedTasksRunInOrderOnTheLoop) {
  std::vector<int> ran;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop_.Post([&ran, i] { ran.push_back(i); });
    loop_.Post([this] { loop_.Stop(); });
  });
  loop_.Run();
  other.join();
  ASSERT_EQ(ran.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
}

TEST_F(EventLoopTest, StopFromAnotherThreadEndsRun) {
  std::thread other([&] { loop_.Stop(); });
  loop_.Run();
  other.join();
}

TEST_F(EventLoopTest, ReadableDescriptorsAreTold) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const UniqueFd read_end(fds[0]);
  const UniqueFd write_end(fds[1]);
  int told = 0;
  loop_.WatchReadable(read_end.get(), [&] { ++told; });
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(told, 0);
  ASSERT_EQ(write(write_end.get(), "x", 1), 1);
  loop_.RunOnce(absl::Seconds(5));
  loop_.RunOnce(absl::ZeroDuration());  // level-triggered: told until it is read
  EXPECT_EQ(told, 2);
  loop_.Unwatch(read_end.get());
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(told, 2);
}

TEST_F(EventLoopTest, AHandlerMayUnwatchAnother) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const UniqueFd a(fds[0]);
  const UniqueFd write_end(fds[1]);
  const UniqueFd b(dup(a.get()));
  int told = 0;
  const auto handler = [&] {
    ++told;
    loop_.Unwatch(a.get());
    loop_.Unwatch(b.get());
  };
  loop_.WatchReadable(a.get(), handler);
  loop_.WatchReadable(b.get(), handler);
  ASSERT_EQ(write(write_end.get(), "x", 1), 1);
  loop_.RunOnce(absl::Seconds(5));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace henb::common
