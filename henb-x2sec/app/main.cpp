// x2secd: secures the direct interface X2 of this HeNB.
#include <malloc.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/exit_status.h"
#include "common/file.h"
#include "common/rpc/grpc_process.h"
#include "common/secret_bytes.h"
#include "common/service_manager.h"
#include "henb-x2sec/app/daemon.h"

int main(int argc, char** argv) {
  henb::common::DisableCoreDumps();
  henb::common::PrepareForGrpc();
  mallopt(M_ARENA_MAX, 1);  // gRPC's threads allocate little; an arena for each would hold memory that nobody uses.
  // Where the kernel gives huge pages unasked, each thread's stack could take 2 MiB for a few KiB.
  (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  CLI::App app("Secures the direct interface X2 of this HeNB.", "x2secd");
  std::string path = "/etc/henb-x2sec/x2secd.toml";
  bool check_only = false;
  app.add_option("--config", path, "Configuration (docs/configuration.md)")->capture_default_str();
  app.add_flag("--check-config", check_only, "Read the configuration, report, and end");
  app.set_version_flag("--version", "x2secd " X2SEC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? henb::common::kExitDone : henb::common::kExitInvalid;
  }
  const auto fail = [](const absl::Status& status) {
    std::cerr << "x2secd: " << status.message() << "\n";
    return henb::common::ExitStatusOf(status);
  };
  const auto text = henb::common::ReadFile(path);
  if (!text.ok()) return fail(absl::InvalidArgumentError(std::string(text.status().message())));
  auto config = henb::x2sec::app::LoadConfig(*text, path);
  if (!config.ok()) return fail(config.status());
  if (check_only) {
    std::cerr << path << ": ok\n";
    return henb::common::kExitDone;
  }
  henb::common::LogConfig log = config->log;
  log.program = "x2secd";
  config->log = log;
  henb::common::ConfigureLog(log);
  auto daemon = henb::x2sec::app::Daemon::Create(*std::move(config), path);
  if (!daemon.ok()) return fail(daemon.status());
  henb::common::NotifyServiceManager("READY=1");
  (*daemon)->Run();
  henb::common::NotifyServiceManager("STOPPING=1");
  return henb::common::kExitDone;
}
