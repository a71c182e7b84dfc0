// A nem-gateway in a process of its own, to be killed.
#pragma once

#include <string>

namespace henb::tests {

/// Where a NEM has its files: server.pem, server.key, cmp.pem, cmp.key, vendor-root.pem, operator-root.pem, devices;
/// its store is kept there from one run to the next.
struct NemPlace {
  std::string folder;
  std::string ca_url;
  std::string ra_name;
};

/// Serves until it is killed; dies with its parent. The port is in `folder`/nem-port, and is taken again by the next
/// run; `folder`/nem-port-ready is there once it listens. The exit status of the process.
[[nodiscard]] int RunNem(const NemPlace& place);

}  // namespace henb::tests
