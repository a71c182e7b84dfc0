// Cuts connections that open calls and give them up faster than anybody may: rapid resets (CVE-2023-44487), R50.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "common/clock.h"
#include "keydist-server/domain/flood_judge.h"

namespace henb::keydist::rpc {

/// gRPC 1.51 counts a stream that was reset as gone at once, though its call lives on until its turn comes, so that its
/// bound on streams bounds nothing here; and most such calls never reach a service. What tells of them are the counters
/// that gRPC keeps for each server and connection (channelz). Calls that were opened and reached nobody are looked at
/// ten times a second; when there are many, every connection is, and one over its limit is shut down: what waits of it
/// then ends, and its memory is free again. For a minute its certificate gets no further than a handful of calls. Owns
/// a thread. Any thread may ask.
class FloodGuard {
 public:
  struct Options {
    domain::BucketLimits per_connection;  ///< Calls of one connection.
    absl::Duration every = absl::Milliseconds(100);
    std::uint64_t quiet = 20;  ///< As many that reach nobody in this time are no reason to look at the connections.
  };
  /// For the server that was started last and whose connections somebody else takes (ConnectionGate), at the local
  /// `port`. `reached`: calls so far that a service let through. The clock outlives the guard.
  FloodGuard(std::uint16_t port, std::function<std::uint64_t()> reached, Options options, const common::Clock& clock);
  ~FloodGuard();
  FloodGuard(const FloodGuard&) = delete;
  FloodGuard& operator=(const FloodGuard&) = delete;

  [[nodiscard]] std::uint64_t cut() const { return cut_; }

 private:
  void Run();
  /// Of all connections; how many were cut.
  std::size_t LookAtConnections();

  const std::uint16_t port_;
  const std::function<std::uint64_t()> reached_;
  const Options options_;
  const common::Clock& clock_;
  domain::FloodJudge judge_;
  std::map<std::string, absl::Duration> hot_;  ///< Certificates of those that were cut, and until when; Run's thread.
  const std::intptr_t server_;                 ///< gRPC's number for it; 0: it was not found.
  std::atomic<std::uint64_t> cut_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace henb::keydist::rpc
