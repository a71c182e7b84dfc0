// HeNBs that ask all the time, at one replica.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "key_recorder.h"
#include "tests/unit/keydist/replica_world.h"

namespace henb::keydist::test {

/// a, b and d ask one replica for the keys of each other, both purposes, without a pause but a short one, on a thread
/// of its own; every key of every answer, current and next, is recorded. No client's checks stand between.
class Asking {
 public:
  Asking(ReplicaWorld& world, const Replica& replica, KeyRecorder& recorder);
  /// Ends the thread.
  ~Asking();
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  /// The longest time without a key since the last Restart, up to now.
  [[nodiscard]] absl::Duration longest_gap() const;
  [[nodiscard]] absl::Time last_key() const;
  void Restart();
  /// For calls of the test's own.
  [[nodiscard]] v1::KeyDistribution::Stub& stub(std::string_view henb) const;
  /// How calls ended since the last Restart, by status code.
  [[nodiscard]] std::map<int, int> refusals() const;
  [[nodiscard]] std::string last_refusal() const;
  [[nodiscard]] int keys() const;

 private:
  struct Henb {
    std::string name;
    std::unique_ptr<v1::KeyDistribution::Stub> stub;
  };
  void Run();
  void Ask(const Henb& henb, v1::Purpose purpose);

  KeyRecorder& recorder_;
  std::string by_;
  std::vector<Henb> henbs_;
  mutable std::mutex mutex_;
  absl::Time last_key_ = absl::Now();
  absl::Duration longest_gap_;
  std::map<int, int> refusals_;
  std::string last_refusal_;
  int keys_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace henb::keydist::test
