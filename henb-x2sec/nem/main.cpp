// nem-gateway: the network element manager's end of enrolment (docs/nem.md).
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/exit_status.h"
#include "common/file.h"
#include "common/log.h"
#include "common/secret_bytes.h"
#include "common/service_manager.h"
#include "common/status.h"
#include "henb-x2sec/nem/commands.h"
#include "henb-x2sec/nem/config.h"
#include "henb-x2sec/nem/files.h"
#include "henb-x2sec/nem/program.h"

namespace henb::x2sec::nem {
namespace {

int Fail(const absl::Status& status) {
  if (!status.ok()) std::cerr << "nem-gateway: " << status.message() << std::endl;
  return common::ExitStatusOf(status);
}

absl::StatusOr<Config> Load(const std::string& path) {
  const absl::StatusOr<std::string> text = common::ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  return ParseConfig(*text, path);
}

int Serve(const Config& config) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Before any thread is there.
  const common::UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));

  const common::SystemClock clock;
  common::SystemRandom random;
  absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(config, clock, random);
  if (!program.ok()) {
    common::LogAlarm("nem.start_failed", {{"error", program.status()}});
    // Status 3 is a client's word for "not reachable".
    return absl::IsInvalidArgument(program.status()) ? common::kExitInvalid : common::kExitFailed;
  }
  (*program)->WatchReadable(signal_fd.get(), [&] {
    signalfd_siginfo info{};
    while (read(signal_fd.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo != SIGHUP) return (*program)->Stop();
      const absl::Status reread = (*program)->Reload();
      common::LogInfo("nem.reloaded", {{"ok", reread.ok()}, {"error", reread}});
    }
  });
  common::LogInfo("nem.started", {{"listen", config.ListenText()}, {"ra", config.ra_url}});
  common::NotifyServiceManager("READY=1");
  (*program)->Run();
  common::NotifyServiceManager("STOPPING=1");
  program->reset();
  common::LogInfo("nem.stopped");
  return common::kExitDone;
}

int Main(int argc, char** argv) {
  common::DisableCoreDumps();
  signal(SIGPIPE, SIG_IGN);
  std::string path = "/etc/nem-gateway/nem-gateway.toml";
  bool check = false;
  bool json = false;
  std::string folder;
  std::string state;
  std::vector<std::string> ids;
  CLI::App app{"Network element manager's end of enrolment: takes PKCS#10 from devices, brings it to the RA/CA."};
  app.add_option("--config", path, "Configuration")->capture_default_str();
  app.add_flag("--check-config", check, "Reads the configuration and the files it names, reports, and ends");
  app.set_version_flag("--version", std::string("nem-gateway " NEM_VERSION));
  app.require_subcommand(0, 1);
  const auto command = [&](const char* name, const char* about) {
    CLI::App* sub = app.add_subcommand(name, about);
    sub->add_flag("--json", json, "JSON instead of a table");
    return sub;
  };
  CLI::App* const status = command("status", "Requests by state, and the last batch");
  CLI::App* const list = command("list", "Every request");
  list->add_option("--state", state, "Only those in this state");
  CLI::App* const exporting = command("export", "Writes what waits into a folder, for an RA/CA that is offline");
  exporting->add_option("FOLDER", folder)->required();
  CLI::App* const importing = command("import", "Takes certificates from a folder");
  importing->add_option("FOLDER", folder)->required();
  CLI::App* const retry = app.add_subcommand("retry", "Exported or refused requests wait for the RA/CA again");
  retry->add_option("ID", ids)->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? common::kExitDone : common::kExitInvalid;
  }
  const absl::StatusOr<Config> config = Load(path);
  if (!config.ok()) return Fail(config.status());
  common::ConfigureLog(config->log);
  const CommandOutput output{std::cout, json};
  if (*status) return Fail(ShowStatus(*config, output));
  if (*list) return Fail(ListRequests(*config, state.empty() ? std::nullopt : std::optional(state), output));
  if (*exporting) return Fail(Export(*config, folder, output));
  if (*importing) return Fail(Import(*config, folder, output));
  if (*retry) return Fail(Retry(*config, ids));
  if (!check) return Serve(*config);
  const absl::Status files = ReadFiles(*config).status();
  if (files.ok()) std::cerr << path << ": good" << std::endl;
  return Fail(files);
}

}  // namespace
}  // namespace henb::x2sec::nem

int main(int argc, char** argv) { return henb::x2sec::nem::Main(argc, argv); }
