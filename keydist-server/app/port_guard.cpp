#include "keydist-server/app/port_guard.h"

#include "common/status.h"

namespace henb::keydist::app {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(45);  // At a busy machine's boot; nothing listens meanwhile.

}  // namespace

std::string PortGuardRuleset(const Config& config) {
  const domain::BucketLimits fresh = config.Connections().fresh;
  const std::string rate = common::StrCat(" limit rate over ", config.new_connections_per_second, "/second burst ",
                                          fresh.burst, " packets }");
  // Any local address: a second one of the machine must not be a way around. The listener is bound to one anyway.
  return common::StrCat(
      "table inet keydist\n"
      "delete table inet keydist\n"
      "table inet keydist {\n"
      "  counter outside_ipsec {}\n"
      "  counter too_many_new {}\n"
      "  set newcomers4 { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }\n"
      "  set newcomers6 { type ipv6_addr; size 65535; flags dynamic,timeout; timeout 1m; }\n"
      "  chain input {\n"
      "    type filter hook input priority -150; policy accept;\n"
      "    tcp dport ",
      config.listen_port,
      " jump port\n"
      "  }\n"
      "  chain port {\n"
      "    meta ipsec missing counter name outside_ipsec drop\n"
      // A handshake is what a stranger's packet costs most by; x2secd makes one in minutes, two after a power cut.
      "    tcp flags & (syn | ack) == syn add @newcomers4 { ip saddr",
      rate,
      " counter name too_many_new drop\n"
      "    tcp flags & (syn | ack) == syn add @newcomers6 { ip6 saddr",
      rate,
      " counter name too_many_new drop\n"
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
