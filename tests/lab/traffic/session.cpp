#include "tests/lab/traffic/session.h"

#include <string.h>  // strerrorname_np is POSIX's header, not C++'s

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace henb::lab {
namespace {

volatile std::sig_atomic_t released = 0;
volatile std::sig_atomic_t ended = 0;

void Release(int) { released = 1; }
void End(int) { ended = 1; }

std::int64_t Ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

void Handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(number, &action, nullptr);
}

}  // namespace

Session::Session(const Timing& timing) : timing_(timing), begun_(Now()) {
  Handle(SIGUSR1, Release);
  Handle(SIGTERM, End);
  Handle(SIGINT, End);
  Handle(SIGPIPE, SIG_IGN);
}

std::int64_t Session::Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

bool Session::Running(std::int64_t now) {
  if (now - begun_ >= Ns(timing_.deadline_s)) return false;
  const bool done = ended != 0 || (timing_.count > 0 && attempted_ >= timing_.count);
  if (done && !over_) {
    over_ = true;
    over_at_ = now;
  }
  return !over_ || now - over_at_ < Ns(timing_.linger_s);
}

bool Session::DueToSend(std::int64_t now) {
  if (over_ || timing_.rate <= 0 || (timing_.hold && released == 0)) return false;
  if (timing_.count > 0 && attempted_ >= timing_.count) return false;
  if (next_ == 0) next_ = now;
  if (now < next_) return false;
  next_ += Ns(1.0 / timing_.rate);
  // A process that was held up does not make up for it by a burst of more than a few packets.
  next_ = std::max(next_, now - Ns(5.0 / timing_.rate));
  ++attempted_;
  return true;
}

int Session::WaitMs(std::int64_t now) const {
  constexpr std::int64_t kLongest = 100;
  if (over_ || timing_.rate <= 0 || next_ == 0) return timing_.hold ? 5 : 20;
  return static_cast<int>(std::clamp<std::int64_t>((next_ - now) / 1'000'000, 0, kLongest));
}

void SendErrors::Count(int error) {
  if (error == EPERM) {
    ++refused_;
    return;
  }
  const char* name = strerrorname_np(error);
  ++others_[name != nullptr ? name : std::to_string(error)];
}

}  // namespace henb::lab
