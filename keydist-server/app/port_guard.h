// The kernel's part of R43 where the service stands on the SeGW itself.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/process_runner.h"
#include "keydist-server/app/config.h"

namespace henb::keydist::app {

/// The nftables table `inet keydist`: segments to the service's port that did not come out of IPsec are dropped and
/// counted. Written so that loading it replaces an older one at once.
[[nodiscard]] std::string PortGuardRuleset(const Config& config);

/// Loads the table by `nft -f -`. Unavailable with nft's words when the kernel does not take it: the service must not
/// listen then. The table stays when the service ends.
[[nodiscard]] absl::Status InstallPortGuard(const Config& config, common::ProcessRunner& runner);

}  // namespace henb::keydist::app
