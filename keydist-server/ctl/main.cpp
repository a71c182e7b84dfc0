// keydistctl: the command line of the key-distribution service's operator.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/exit_status.h"
#include "common/status.h"
#include "keydist-server/ctl/commands.h"

namespace henb::keydist::ctl {
namespace {

int Main(int argc, char** argv) {
  CLI::App app(
      "Operates keydist-server. Exit status: 0 done, 1 failed, 2 usage or invalid input, 3 server not reachable, "
      "4 no such object, 5 denied.",
      "keydistctl");
  app.require_subcommand(1);
  app.set_version_flag("--version", "keydistctl " KEYDIST_VERSION);
  app.fallthrough();
  Session session;
  Command chosen;
  app.add_option("--socket", session.socket, "the server's socket; status.sock is enough for reading")
      ->capture_default_str()
      ->take_last();
  app.add_flag("--json", session.json, "JSON on standard output");
  AddHenbCommands(app, &chosen);
  AddStateCommands(app, &chosen);
  AddBackupCommands(app, &chosen);
  AddKekCommands(app, &chosen);
  AddAuditCommands(app, &chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? common::kExitDone : common::kExitInvalid;
  }
  const absl::Status status = chosen(session);
  if (!status.ok()) std::fprintf(stderr, "keydistctl: %s\n", std::string(status.message()).c_str());
  return common::ExitStatusOf(status);
}

}  // namespace
}  // namespace henb::keydist::ctl

int main(int argc, char** argv) { return henb::keydist::ctl::Main(argc, argv); }
