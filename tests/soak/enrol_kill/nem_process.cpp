#include "nem_process.h"

#include <signal.h>
#include <sys/prctl.h>

#include <iostream>

#include "common/file.h"
#include "common/strings.h"
#include "henb-x2sec/nem/program.h"

namespace henb::tests {
namespace {

x2sec::nem::Config ConfigOf(const NemPlace& place) {
  const auto file = [&](const char* name) { return place.folder + "/" + name; };
  x2sec::nem::Config config;
  config.listen_address = common::IpAddress::Parse("127.0.0.1").value();
  config.listen_port = common::ParseNumber<std::uint16_t>(common::ReadFile(file("nem-port")).value_or("0")).value_or(0);
  config.server_certificate = file("server.pem");
  config.server_key = file("server.key");
  config.device_list = file("devices");
  config.vendor_root = file("vendor-root.pem");
  config.operator_root = file("operator-root.pem");
  config.store_path = file("requests.db");
  config.ra_url = place.ca_url;
  config.ra_recipient = place.ra_name;
  config.ra_certificate = file("cmp.pem");
  config.ra_key = file("cmp.key");
  config.requests_per_hour = 3600;
  config.revoke_old_after = absl::ZeroDuration();
  config.batch_delay = absl::ZeroDuration();
  return config;
}

}  // namespace

int RunNem(const NemPlace& place) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const common::SystemClock clock;
  common::SystemRandom random;
  const auto program = x2sec::nem::Program::Start(ConfigOf(place), clock, random);
  if (!program.ok()) {
    std::cerr << "nem: " << program.status() << "\n";
    return 1;
  }
  const std::string port = std::to_string((*program)->port());
  for (const char* name : {"/nem-port", "/nem-port-ready"}) {
    if (!common::WriteFileAtomically(place.folder + name, port, 0600).ok()) return 1;
  }
  (*program)->Run();
  return 0;
}

}  // namespace henb::tests
