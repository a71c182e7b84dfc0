// Several keydist-servers of one service in this process, over a real etcd.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/etcd_cluster.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {

/// The system's clock, its calendar off by what the test says.
class SkewedClock final : public common::Clock {
 public:
  [[nodiscard]] absl::Time Now() const override { return system_.Now() + absl::Nanoseconds(off_ns_.load()); }
  [[nodiscard]] absl::Duration Steady() const override { return system_.Steady(); }
  void SetOff(absl::Duration by) { off_ns_ = absl::ToInt64Nanoseconds(by); }

 private:
  common::SystemClock system_;
  std::atomic<std::int64_t> off_ns_{0};
};

/// One server, which ticks by itself as keydist-server does.
class Replica {
 public:
  explicit Replica(app::Config its_config) : config(std::move(its_config)) {}
  ~Replica() { Stop(); }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  [[nodiscard]] absl::Status Start(const app::Pause& pause = nullptr);
  void Stop();
  [[nodiscard]] int port() const { return port_; }
  int Ctl(std::vector<std::string> arguments, std::string* output = nullptr, std::string* error = nullptr) const {
    return TestServer::CtlAt(config, std::move(arguments), output, error);
  }

  app::Config config;
  SkewedClock clock;
  common::SystemRandom random;
  RecordingRunner runner;

 private:
  std::unique_ptr<app::Program> program_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread ticking_;
};

/// The authorities and HeNBs of TestServer: a, b (vendor one), d (vendor two), in group "site".
class ReplicaWorld {
 public:
  /// `members` of etcd, all known to each of `replicas`; nothing is started but etcd. A replica gives up keys after
  /// `silence` without word.
  ReplicaWorld(int replicas, int members, absl::Duration silence);

  /// Starts all and registers a, b and d.
  void StartAll();
  [[nodiscard]] absl::Status AddHenbs(const app::Config& at);
  [[nodiscard]] std::unique_ptr<x2sec::keydist_client::KeyServiceClient> Client(const Replica& replica,
                                                                                std::string_view henb);
  /// What `henb` gets for `peer` at this replica.
  [[nodiscard]] absl::StatusOr<x2sec::core::PairKeys> Ask(const Replica& replica, std::string_view henb,
                                                          std::string_view peer);

  [[nodiscard]] const Identity& identity(std::string_view henb) const {
    return henb.starts_with('a') ? a_ : henb.starts_with('b') ? b_ : d_;
  }

  TestServer base;  ///< Never started: authorities, files and a configuration to copy.
  tests::EtcdCluster etcd;
  std::vector<std::unique_ptr<Replica>> replicas;

 private:
  Identity a_ = base.vendor_one.Issue("a.example");
  Identity b_ = base.vendor_one.Issue("b.example");
  Identity d_ = base.vendor_two.Issue("d.example");
};

}  // namespace henb::keydist::test
