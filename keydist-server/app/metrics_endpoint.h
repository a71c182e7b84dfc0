// GET /metrics over HTTP, on loopback.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "common/ip_address.h"

struct MHD_Daemon;

namespace henb::keydist::app {

/// Answers on a thread of its own (libmicrohttpd); at most 16 connections, each closed after 10 s of silence. What
/// cannot be listened on now is tried again at every Tick: the key service does not depend on its monitoring.
class MetricsEndpoint {
 public:
  /// `render` is called on the endpoint's thread, once for each request.
  using Render = std::function<std::string()>;
  MetricsEndpoint(const common::IpAddress& address, std::uint16_t port, Render render);
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  /// Listens unless it does. An alarm when that fails for the first time. One thread.
  void Tick();
  /// Port that it listens on; 0 while it does not.
  [[nodiscard]] int port() const { return port_; }

 private:
  absl::Status Listen();
  common::IpAddress address_;
  std::uint16_t wanted_port_;
  Render render_;
  MHD_Daemon* daemon_ = nullptr;
  int port_ = 0;
  bool failed_ = false;
};

}  // namespace henb::keydist::app
