// Reads how pluto asks about certificates.
#pragma once

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace henb::x2sec::pluto {

/// From the answer to `--status`. Internal when it does not say whether OCSP is on. Pure; any thread.
[[nodiscard]] absl::StatusOr<core::OcspSettings> ParseOcspSettings(const WhackReply& reply);

}  // namespace henb::x2sec::pluto
