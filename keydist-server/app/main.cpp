// keydist-server: hands out keys for pairs of neighbours to the HeNBs behind a gateway.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/event_loop.h"
#include "common/exit_status.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rpc/grpc_process.h"
#include "common/secret_bytes.h"
#include "common/service_manager.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "keydist-server/app/config.h"
#include "keydist-server/app/credentials.h"
#include "keydist-server/app/heap.h"
#include "keydist-server/app/keks.h"
#include "keydist-server/app/program.h"
#include "keydist-server/app/restore.h"

namespace henb::keydist::app {
namespace {

constexpr char kUsage[] =
    "keydist-server [--config FILE] [--check-config] | --restore FILE [--at-least N] [--raise-generations N] | "
    "--make-kek FILE|URI | --version | --help\n"
    "  --config FILE    configuration; /etc/keydist-server/keydist-server.toml without it\n"
    "  --check-config   reads the configuration and the files it names, reports, and ends\n"
    "  --restore FILE   fills the empty store of a server that is not running from keydistctl's backup, and ends\n"
    "    --at-least N   no epoch up to N is used again; what the backup and the audit file name is known\n"
    "    --raise-generations N  by this much; 1000 without it\n"
    "  --make-kek FILE  writes a new key-encryption key (mode 0600); never overwrites one\n"
    "  --make-kek URI   makes one in the token that the PKCS #11 URI names\n";

struct Options {
  std::string config = "/etc/keydist-server/keydist-server.toml";
  std::string make_kek;
  std::string restore;
  domain::RestoreOptions restore_options;
  bool check = false;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "keydist-server: %s\n", std::string(status.message()).c_str());
  return common::ExitStatusOf(status);
}

absl::StatusOr<Config> Load(const std::string& path) {
  absl::StatusOr<Config> config = LoadConfig(path);
  if (config.ok()) RETURN_IF_ERROR(ResolveCredentials(std::getenv("CREDENTIALS_DIRECTORY"), &*config));
  return config;
}

/// A file that is named wrongly is invalid input, whatever the reason; a token that is away may come.
absl::Status AsInvalid(const absl::Status& status) {
  return status.ok() || absl::IsUnavailable(status) ? status : absl::InvalidArgumentError(status.message());
}

void TickEverySecond(common::EventLoop& loop, Program& program) {
  program.Tick();
  loop.After(absl::Seconds(1), [&loop, &program] { TickEverySecond(loop, program); });
}

/// For Program::Start: false when a signal says that this is the end.
bool PauseUnlessEnded(int signal_fd, absl::Duration time) {
  for (const absl::Time until = absl::Now() + time; absl::Now() < until;) {
    pollfd waited{.fd = signal_fd, .events = POLLIN, .revents = 0};
    if (poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(until - absl::Now())) + 1) <= 0) continue;
    signalfd_siginfo info{};
    if (read(signal_fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info) && info.ssi_signo != SIGHUP) {
      return false;
    }
  }
  return true;
}

int Serve(const Options& options, const Config& config) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Before any thread is there.
  const common::UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));

  common::SystemClock clock;
  common::SystemRandom random;
  common::SystemProcessRunner runner;
  absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(
      config, clock, random, runner, [&](absl::Duration time) { return PauseUnlessEnded(signal_fd.get(), time); });
  if (absl::IsCancelled(program.status())) return common::kExitDone;
  if (!program.ok()) {
    common::LogAlarm("start_failed", {{"error", program.status()}});
    // Status 3 is a client's word for "not reachable".
    return program.status().code() == absl::StatusCode::kInvalidArgument ? common::kExitInvalid : common::kExitFailed;
  }
  common::LogInfo("started", {{"listen", config.ListenText()}});
  common::NotifyServiceManager("READY=1");

  common::EventLoop loop(clock);
  loop.WatchReadable(signal_fd.get(), [&] {
    signalfd_siginfo info{};
    while (read(signal_fd.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo != SIGHUP) return loop.Stop();
      const absl::StatusOr<Config> reread = Load(options.config);
      absl::Status status = reread.status();
      if (status.ok()) {
        common::ConfigureLog(reread->log);
        status = (*program)->Reload(*reread);
      }
      common::LogInfo("reloaded", {{"ok", status.ok()}, {"error", status}});
    }
  });
  TickEverySecond(loop, **program);
  loop.Run();
  common::LogInfo("draining");
  common::NotifyServiceManager("STOPPING=1");
  (*program)->Drain(config.drain);
  common::LogInfo("stopped");
  return common::kExitDone;
}

template <typename T>
bool ReadNumber(std::string_view text, T* value) {
  const auto number = common::ParseNumber<T>(text);
  *value = number.value_or(0);
  return number.has_value();
}

int RestoreFrom(const Options& options, const Config& config) {
  const common::SystemClock clock;
  const absl::StatusOr<Restored> restored = Restore(config, options.restore, options.restore_options, clock);
  if (!restored.ok()) {
    (void)Fail(restored.status());
    return absl::IsInvalidArgument(restored.status()) ? common::kExitInvalid : common::kExitFailed;
  }
  const std::uint64_t next_epoch = restored->last_epoch + 1;
  std::fprintf(stderr, "%zu HeNBs and %zu pairs restored; the next epoch is %" PRIu64 "\n", restored->henbs,
               restored->pairs, next_epoch);
  return common::kExitDone;
}

int Main(int argc, char** argv) {
  common::DisableCoreDumps();
  common::PrepareForGrpc();
  BoundArenas();
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    const auto number = [&](std::string_view name, auto* to) {
      return argument == name && has_value && ReadNumber(argv[i + 1], to);
    };
    if (argument == "--check-config") {
      options.check = true;
    } else if (argument == "--config" && has_value) {
      options.config = argv[++i];
    } else if (argument == "--make-kek" && has_value) {
      options.make_kek = argv[++i];
    } else if (argument == "--restore" && has_value) {
      options.restore = argv[++i];
    } else if (number("--at-least", &options.restore_options.above_epoch) ||
               number("--raise-generations", &options.restore_options.raise_generations)) {
      ++i;
    } else if (argument == "--version") {
      std::puts("keydist-server " KEYDIST_VERSION);
      return common::kExitDone;
    } else if (argument == "--help") {
      std::fputs(kUsage, stdout);
      return common::kExitDone;
    } else {
      std::fprintf(stderr, "keydist-server: unknown argument %s\n%s", common::Quoted(argument).c_str(), kUsage);
      return common::kExitInvalid;
    }
  }
  if (!options.make_kek.empty()) {
    common::SystemRandom random;
    const absl::Status status = MakeKek(options.make_kek, random);
    return status.ok() ? common::kExitDone : Fail(AsInvalid(status));
  }
  const absl::StatusOr<Config> config = Load(options.config);
  if (!config.ok()) return Fail(config.status());
  common::ConfigureLog(config->log);
  if (const absl::Status status = AsInvalid(CheckFiles(*config)); !status.ok()) return Fail(status);
  if (options.check) {
    std::fprintf(stderr, "%s: good\n", options.config.c_str());
    return common::kExitDone;
  }
  return options.restore.empty() ? Serve(options, *config) : RestoreFrom(options, *config);
}

}  // namespace
}  // namespace henb::keydist::app

int main(int argc, char** argv) { return henb::keydist::app::Main(argc, argv); }
