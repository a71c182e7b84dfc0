#include "keydist-server/app/port_guard.h"

#include "common/status.h"

namespace henb::keydist::app {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(45);  // At a busy machine's boot; nothing listens meanwhile.

}  // namespace

std::string PortGuardRuleset(const Config& config) {
  // Any local address: a second one of the machine must not be a way around. The listener is bound to one anyway.
  return common::StrCat(
      "table inet keydist\n"
      "delete table inet keydist\n"
      "table inet keydist {\n"
      "  counter outside_ipsec {}\n"
      "  chain input {\n"
      "    type filter hook input priority -150; policy accept;\n"
      "    tcp dport ",
      config.listen_port,
      " meta ipsec missing counter name outside_ipsec drop\n"
      "  }\n"
      "}\n");
}

absl::Status InstallPortGuard(const Config& config, common::ProcessRunner& runner) {
  common::ProcessRequest request;
  request.argv = {config.nft, "-f", "-"};
  request.standard_input = PortGuardRuleset(config);
  request.deadline = kDeadline;
  ASSIGN_OR_RETURN_CTX(const common::ProcessResult result, runner.Run(request), "kernel guard");
  if (result.exit_status != 0) {
    return absl::UnavailableError(common::StrCat("kernel guard: nft: ", common::Quoted(result.error, 400)));
  }
  return absl::OkStatus();
}

}  // namespace henb::keydist::app
