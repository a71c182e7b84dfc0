#include "common/process_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "common/without_sigpipe.h"

namespace henb::common {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe2");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Reads what is there; false at end of file.
bool Drain(int fd, std::string& into) {
  char buffer[16384];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got > 0) into.append(buffer, static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

/// Moves data between the pipes and the strings until both outputs are closed, the steady clock is past `end` or a
/// limit is reached.
absl::Status Pump(const ProcessRequest& request, absl::Duration end, Pipe& in, Pipe& out, Pipe& err,
                  ProcessResult& result) {
  const SystemClock clock;
  const WithoutSigpipe no_signal;
  fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  std::size_t written = 0;
  while (out.read.valid() || err.read.valid()) {
    if (in.write.valid() && written == request.standard_input.size()) in.write.reset();
    const absl::Duration left = end - clock.Steady();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("it did not end in time");
    pollfd fds[3] = {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}};
    const int ready = poll(fds, 3, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
    if (ready <= 0) continue;
    if (fds[0].revents != 0 && !Drain(out.read.get(), result.output)) out.read.reset();
    if (fds[1].revents != 0 && !Drain(err.read.get(), result.error)) err.read.reset();
    if (fds[2].revents != 0) {
      const ssize_t put =
          write(in.write.get(), request.standard_input.data() + written, request.standard_input.size() - written);
      if (put > 0) written += static_cast<std::size_t>(put);
      if (put < 0 && errno != EINTR && errno != EAGAIN)
        in.write.reset();  // it reads no more: its exit status tells why
    }
    if (result.output.size() > request.output_limit || result.error.size() > request.output_limit) {
      return absl::ResourceExhaustedError("it printed more than the limit");
    }
  }
  return absl::OkStatus();
}

/// Waits for the end of `pid`; kills it when the steady clock is past `end`.
absl::StatusOr<int> Reap(pid_t pid, absl::Duration end) {
  const SystemClock clock;
  const UniqueFd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  bool killed = false;
  while (pid_fd.valid() && !killed) {
    const absl::Duration left = std::max(end - clock.Steady(), absl::ZeroDuration());
    pollfd fd{pid_fd.get(), POLLIN, 0};
    const int ready = poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
    if (clock.Steady() < end) continue;
    kill(pid, SIGKILL);
    killed = true;
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "waitpid");
  }
  if (killed) return absl::DeadlineExceededError("it did not end in time");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

absl::StatusOr<ProcessResult> SystemProcessRunner::Run(const ProcessRequest& request) {
  if (request.argv.empty()) return absl::InvalidArgumentError("no program to run");
  const std::string& program = request.argv.front();
  ASSIGN_OR_RETURN(Pipe in, MakePipe());
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe err, MakePipe());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup free_actions = [&] { posix_spawn_file_actions_destroy(&actions); };
  posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
  sigset_t none;
  sigemptyset(&none);
  sigset_t usual;
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> argv;
  for (const std::string& argument : request.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char locale[] = "LC_ALL=C";
  char* environment[] = {path, locale, nullptr};
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environment);
  if (failed == ENOENT) return absl::NotFoundError(StrCat(program, ": no such program"));
  if (failed != 0) return absl::InternalError(StrCat(program, ": ", std::strerror(failed)));
  in.read.reset();
  out.write.reset();
  err.write.reset();

  ProcessResult result;
  const absl::Duration end = SystemClock().Steady() + request.deadline;
  const absl::Status pumped = Pump(request, end, in, out, err, result);
  in.write.reset();
  if (!pumped.ok()) kill(pid, SIGKILL);
  auto status = Reap(pid, end);
  if (request.keep_output_at_deadline &&
      (absl::IsDeadlineExceeded(pumped) || absl::IsDeadlineExceeded(status.status()))) {
    result.exit_status = 128 + SIGKILL;
    result.timed_out = true;
    return result;
  }
  if (!pumped.ok()) return WithContext(pumped, program);
  if (!status.ok()) return WithContext(status.status(), program);
  result.exit_status = *status;
  return result;
}

}  // namespace henb::common
