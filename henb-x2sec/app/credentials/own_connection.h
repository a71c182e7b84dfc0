// Connections of this device's own that are no links.
#pragma once

#include "common/henb_id.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::app {

/// Named after `id`, proved by `credential`, whose key is in the store; with the default suites. Ends, the peer's
/// identity and anchor are the caller's. Pure.
[[nodiscard]] core::ConnectionSpec OwnConnection(const common::HenbId& id, const common::HenbId& self,
                                                 const Credential& credential, int reqid);

}  // namespace henb::x2sec::app
