// Whether pluto took a connection as it was meant.
#pragma once

#include "absl/status/status.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace henb::x2sec::pluto {

/// OK only for "added IKEv2 connection" and nothing that pluto ignored: it adds a connection whose anchor it did not
/// understand as one with any anchor. AlreadyExists: there is one of that name. FailedPrecondition: refused or taken
/// otherwise; the line is quoted. Pure; any thread.
[[nodiscard]] absl::Status ReadAddReply(const core::ConnectionSpec& spec, const WhackReply& reply);

}  // namespace henb::x2sec::pluto
