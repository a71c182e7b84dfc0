// Takes the HeNBs' connections and hands those to gRPC that are within their limits (R50).
#pragma once

#include <grpcpp/server_builder.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/ip_address.h"
#include "common/unique_fd.h"
#include "keydist-server/domain/connection_book.h"

namespace henb::keydist::rpc {

/// gRPC 1.51 takes every connection that comes: ten thousand that say nothing have half a gigabyte of it, and each half
/// handshake a thread's time. So the listening socket is ours. A connection over its limits is reset before anything is
/// read of it; the log says so, one line a second at most (`connections_refused`). Owns a thread. Any thread may ask.
class ConnectionGate {
 public:
  struct Counts {
    std::int64_t open = 0;
    std::array<std::uint64_t, domain::kConnectionRefusalNames.size()> refused{};
  };
  /// Nothing is taken before Start; whoever comes waits. Unavailable: somebody else listens there. The clock outlives
  /// the gate.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ConnectionGate>> Listen(const common::IpAddress& address,
                                                                              std::uint16_t port,
                                                                              domain::ConnectionLimits limits,
                                                                              const common::Clock& clock);
  ~ConnectionGate() { Stop(); }
  ConnectionGate(const ConnectionGate&) = delete;
  ConnectionGate& operator=(const ConnectionGate&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// After the server has started. Once.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);
  /// Listens no more; connections that stand are gRPC's. Before the server's Shutdown.
  void Stop();
  [[nodiscard]] Counts counts() const;

 private:
  ConnectionGate(common::UniqueFd listener, common::UniqueFd stop, domain::ConnectionLimits limits,
                 const common::Clock& clock);
  void Run();
  /// One that waits; false: none does.
  bool TakeOne();
  [[nodiscard]] domain::ConnectionBook::Answer Ask(const common::IpAddress& from, int newcomer);
  /// Of all but the one that is being asked about.
  void Recount(int newcomer = -1);
  void Refuse(common::UniqueFd connection, const common::IpAddress& from, domain::ConnectionRefusal why);
  void CannotAccept(int error);

  common::UniqueFd listener_;
  const common::UniqueFd stop_;
  const std::uint16_t port_;
  const common::Clock& clock_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server_;
  domain::ConnectionBook book_;  ///< The thread's, as are the times.
  absl::Duration counted_;
  absl::Duration next_line_;
  std::atomic<std::int64_t> open_{0};
  std::array<std::atomic<std::uint64_t>, domain::kConnectionRefusalNames.size()> refused_{};
  std::thread thread_;
};

}  // namespace henb::keydist::rpc
