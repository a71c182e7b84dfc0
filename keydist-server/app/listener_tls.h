// Certificate, key and anchors of the listener for HeNBs, exchanged while it listens.
#pragma once

#include <memory>

#include "keydist-server/app/credentials.h"

namespace grpc {
class ServerCredentials;
}

namespace henb::keydist::app {

/// Mutual TLS: each handshake takes what was given last; connections that stand are not touched. Outlives the server
/// that uses its credentials. Any thread.
class ListenerTls {
 public:
  explicit ListenerTls(const TlsMaterial& first);
  ~ListenerTls();
  ListenerTls(const ListenerTls&) = delete;
  ListenerTls& operator=(const ListenerTls&) = delete;

  /// For one port of one server.
  [[nodiscard]] std::shared_ptr<grpc::ServerCredentials> Credentials();
  /// From the next handshake on. `material` has been checked (LoadTls).
  void Use(const TlsMaterial& material);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace henb::keydist::app
