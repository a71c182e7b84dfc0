// Reads pluto's lists of states and connections.
#pragma once

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace henb::x2sec::pluto {

/// The states in the answer to `--showstates` or `--status`, of all connections, ours and other people's; IKEv1 states
/// are left out. Internal when a line that tells of a state of ours can't be read: what is not understood must not look
/// like "no such SA". Pure; any thread.
[[nodiscard]] absl::StatusOr<core::IkeSnapshot> ParseStates(const WhackReply& reply);

/// The answer to `--status`: states, and the names of the connections with their fingerprints. Internal also when it is
/// not whole.
[[nodiscard]] absl::StatusOr<core::IkeSnapshot> ParseStatus(const WhackReply& reply);

}  // namespace henb::x2sec::pluto
