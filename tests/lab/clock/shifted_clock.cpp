// A program's clocks, shifted and running at another pace, in a machine that has one clock for all: LD_PRELOAD of the
// lab (docs: tests/lab/README.md). X2LAB_CLOCK_OFFSET: seconds that the calendar is ahead. X2LAB_CLOCK_RATE: 1.2 means
// that calendar and steady clock gain 12 s a minute. Relative time-outs are the kernel's, right ones.
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

double Setting(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtod(text, nullptr);
}

std::int64_t Nanos(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }
timespec Spec(std::int64_t nanos) {
  return {.tv_sec = static_cast<time_t>(nanos / kSecond), .tv_nsec = static_cast<long>(nanos % kSecond)};
}

bool IsCalendar(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }
bool IsSteady(clockid_t clock) {
  return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
}

/// Set up once; everything is read-only afterwards.
struct Clocks {
  Clocks() {
    for (int clock = 0; clock < kClocks; ++clock) {
      timespec now{};
      if (real(clock, &now) == 0) begin[clock] = Nanos(now);
    }
  }
  [[nodiscard]] bool Knows(clockid_t clock) const { return clock < kClocks && (IsCalendar(clock) || IsSteady(clock)); }
  [[nodiscard]] std::int64_t Shown(clockid_t clock, std::int64_t right) const {
    const auto passed = static_cast<double>(right - begin[clock]);
    return begin[clock] + static_cast<std::int64_t>(passed * rate) + (IsCalendar(clock) ? offset : 0);
  }
  [[nodiscard]] std::int64_t Right(clockid_t clock, std::int64_t shown) const {
    const auto passed = static_cast<double>(shown - begin[clock] - (IsCalendar(clock) ? offset : 0));
    return begin[clock] + static_cast<std::int64_t>(passed / rate);
  }

  static constexpr int kClocks = CLOCK_BOOTTIME + 1;
  int (*real)(clockid_t, timespec*) = Next<int(clockid_t, timespec*)>("clock_gettime");
  double rate = Setting("X2LAB_CLOCK_RATE", 1);
  std::int64_t offset = static_cast<std::int64_t>(Setting("X2LAB_CLOCK_OFFSET", 0)) * kSecond;
  std::int64_t begin[kClocks] = {};
};

const Clocks& TheClocks() {
  static const Clocks clocks;
  return clocks;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const Clocks& clocks = TheClocks();
  const int result = clocks.real(clock, time);
  if (result == 0 && clocks.Knows(clock)) *time = Spec(clocks.Shown(clock, Nanos(*time)));
  return result;
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  static auto* const real = Next<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  const timespec right = Spec(TheClocks().Right(CLOCK_REALTIME, Nanos(*until)));
  return real(condition, mutex, &right);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  static auto* const real =
      Next<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>("pthread_cond_clockwait");
  const timespec right = Spec(TheClocks().Right(clock, Nanos(*until)));
  return real(condition, mutex, clock, &right);
}

/// Abseil waits with futex(2) until a time of the calendar.
long syscall(long number, ...) noexcept {
  static auto* const real = Next<long(long, ...)>("syscall");
  long a[6];
  va_list list;
  va_start(list, number);
  for (long& each : a) each = va_arg(list, long);
  va_end(list);
  timespec right{};
  if (number == SYS_futex && a[3] != 0 && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
    const clockid_t clock = (a[1] & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    right = Spec(TheClocks().Right(clock, Nanos(*reinterpret_cast<const timespec*>(a[3]))));
    a[3] = reinterpret_cast<long>(&right);
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"
