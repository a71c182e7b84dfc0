#pragma once

#include <string>

#include "tests/lab/traffic/session.h"
#include "tests/lab/traffic/socket_address.h"

namespace henb::lab {

struct SctpOptions {
  SocketAddress local;
  SocketAddress remote;    // clients only
  double connect_s = 60;   // a client gives up when no association is up by then
  bool reconnect = false;  // a client makes a new association when one is lost
  Session::Timing timing;
};

/// Accepts associations on `local` and sends every message back. JSON: associations, lost, restarts, received, errors.
/// Prints "ready" to standard error once it listens. Returns an error text, empty when the run was made.
std::string RunSctpServer(const SctpOptions& options, std::string* report);

/// Makes one association to `remote` and sends numbered messages, counting the answers. JSON: associations, lost
/// (associations), restarts, sent, answered, missing, longest_gap_ms, refused, survived. Prints "ready" once the
/// association is up.
std::string RunSctpClient(const SctpOptions& options, std::string* report);

}  // namespace henb::lab
