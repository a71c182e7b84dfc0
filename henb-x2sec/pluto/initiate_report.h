// How a negotiation went, told from pluto's lines.
#pragma once

#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace henb::x2sec::pluto {

/// Reads the answer to `--initiate`. An established child SA wins over everything said before it; then the most telling
/// refusal (RFC 7296 §3.10.1 notifications by their names); a deadline or pluto's own time-out with nothing telling is
/// kNoAnswer; anything else kOther. `detail` is the line that decided, without control characters. Pure; any thread.
[[nodiscard]] core::InitiateReport ReadInitiateReport(const WhackReply& reply);

}  // namespace henb::x2sec::pluto
