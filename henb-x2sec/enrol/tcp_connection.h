#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/unique_fd.h"

namespace henb::x2sec::enrol {

/// A connected, non-blocking TCP socket with TCP_NODELAY: each address of `host` in turn until one answers. Blocks.
/// Unavailable: none does; DeadlineExceeded. Messages begin with an event's name (cmp_events.h). (OpenSSL's own connect
/// tries a closed port again and again until the deadline, and then says "timeout".)
[[nodiscard]] absl::StatusOr<common::UniqueFd> ConnectTcp(const std::string& host, const std::string& port,
                                                          absl::Duration timeout);

}  // namespace henb::x2sec::enrol
