// The HeNBs' side: a connection and a Watch stream for each, all in this process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/unit/keydist/test_pki.h"

namespace henb::keydist::bench {

/// Each watcher has a certificate and a TLS connection of its own. One thread calls.
class Watchers {
 public:
  Watchers(int port, std::string server_root_pem);
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  /// One more for each of `identities`; returns when all their streams stand. Negative: some did not within a minute
  /// without any progress.
  [[nodiscard]] absl::Duration Connect(const std::vector<test::Identity>& identities, std::size_t from, std::size_t to);
  /// Events received by all so far.
  [[nodiscard]] std::uint64_t events() const;
  /// Until `events` have been received. False after a minute.
  [[nodiscard]] bool Await(std::uint64_t events) const;
  /// Ends every stream and connection.
  void Disconnect();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::keydist::bench
