#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/lab/traffic/session.h"
#include "tests/lab/traffic/socket_address.h"

namespace henb::lab {

struct GtpuOptions {
  SocketAddress local;
  SocketAddress remote;
  std::string device;  // bind to this interface; empty: any
  std::uint32_t teid = 0x1000;
  std::size_t size = 100;  // bytes of T-PDU
  Session::Timing timing;
};

/// Sends numbered G-PDUs to `remote` and counts those that come in on `local`, until the session ends. Prints "ready"
/// to standard error once the socket is bound. `report` gets the statistics as JSON. Returns an error text, empty when
/// the run was made (whatever was lost).
std::string RunGtpu(const GtpuOptions& options, std::string* report);

}  // namespace henb::lab
