// x2sec-guard: shuts the X2 ports before the network is up. docs/guard.md.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "common/exit_status.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/guard/program/commands.h"
#include "henb-x2sec/guard/program/guard_config.h"
#include "henb-x2sec/xfrm/xfrm_kernel.h"

namespace {

using namespace henb;         // NOLINT(google-build-using-namespace)
using namespace henb::x2sec;  // NOLINT(google-build-using-namespace)

struct Options {
  std::string config = "/etc/henb-x2sec/x2secd.toml";
  bool config_given = false;
  bool reset = false;
  bool json = false;
};

int Fail(const absl::Status& status) {
  std::cerr << "x2sec-guard: " << status.message() << "\n";
  return common::ExitStatusOf(status);
}

absl::StatusOr<core::GuardSpec> Configured(const Options& options) {
  const auto text = common::ReadFile(options.config);
  if (text.ok()) return guard::ReadClosedSpec(*text, options.config);
  if (absl::IsNotFound(text.status()) && !options.config_given) return guard::ClosedSpec();
  return absl::InvalidArgumentError(common::StrCat(text.status().message()));
}

struct System {
  common::SystemProcessRunner runner;
  std::unique_ptr<guard::NftGuard> guard;
  std::unique_ptr<xfrm::XfrmKernel> kernel;
};

absl::Status Open(const core::GuardSpec& spec, System* system) {
  ASSIGN_OR_RETURN(system->guard, guard::NftGuard::Open(system->runner));
  ASSIGN_OR_RETURN(system->kernel, xfrm::XfrmKernel::Open(spec.ports));
  return absl::OkStatus();
}

int InstallCommand(const Options& options) {
  auto spec = Configured(options);
  const absl::Status config_status = spec.status();
  // A configuration that cannot be read must not leave the ports open: they are shut as without one, and the error is
  // told.
  if (!spec.ok()) spec = guard::ClosedSpec();
  System system;
  if (const absl::Status opened = Open(*spec, &system); !opened.ok()) return Fail(opened);
  const auto report = guard::Install(*system.guard, *system.kernel, *spec, options.reset);
  if (!report.ok()) return Fail(report.status());
  using Table = guard::InstallReport::Table;
  const char* done = report->table == Table::kKept ? "kept" : report->table == Table::kReset ? "reset" : "installed";
  common::LogInfo("guard.installed", {{"table", done}, {"differs", report->differs}});
  if (!config_status.ok()) return Fail(config_status);
  if (report->differs) {
    std::cerr << "x2sec-guard: the table that is there has other rules than this configuration; --reset replaces it\n";
    return common::kExitFailed;
  }
  return common::kExitDone;
}

int StatusCommand(const Options& options) {
  const auto spec = Configured(options);
  if (!spec.ok()) return Fail(spec.status());
  System system;
  if (const absl::Status opened = Open(*spec, &system); !opened.ok()) return Fail(opened);
  const auto report = guard::Look(*system.guard, *system.kernel, *spec);
  if (!report.ok()) return Fail(report.status());
  std::cout << (options.json ? guard::StatusJson(*report) : guard::StatusTable(*report));
  return report->in_place() ? common::kExitDone : common::kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  common::ConfigureLog({.json = false, .least = common::LogLevel::kInfo, .program = "x2sec-guard"});
  CLI::App app("Shuts the X2 ports in the kernel, before the network is up and without x2secd.", "x2sec-guard");
  app.fallthrough();  // --config is taken after the subcommand too; subcommands inherit this, so it comes first.
  Options options;
  auto* config = app.add_option("--config", options.config, "x2secd's configuration")->capture_default_str();
  auto* install =
      app.add_subcommand("install", "Install the closed table and the second belt; a table that is there is kept");
  install->add_flag("--reset", options.reset,
                    "Close a table that is there: running links stop until x2secd admits them again");
  auto* status = app.add_subcommand("status", "What is in place; exit status 1 when something is missing");
  status->add_flag("--json", options.json, "As JSON");
  app.require_subcommand(1);
  app.set_version_flag("--version", "x2sec-guard " X2SEC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? common::kExitDone : common::kExitInvalid;
  }
  options.config_given = config->count() > 0;
  return install->parsed() ? InstallCommand(options) : StatusCommand(options);
}
