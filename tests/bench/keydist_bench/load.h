// The client's side of the bench: the same for every server, and without protobuf, so that it weighs nothing on either
// side.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/keydist_bench/bench_pki.h"

namespace henb::keydist::bench {

constexpr int kInFlight = 64;
constexpr int kChannels = 4;

/// Connected to one port by kChannels channels. One thread.
class Load {
 public:
  Load(const Pki& pki, int port);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  struct Result {
    double calls_per_second = 0;
    std::uint64_t failed = 0;
    absl::Duration p50;  ///< Of a call, as its caller sees it.
    absl::Duration p99;
    std::string last_answer;
  };
  /// Keeps `in_flight` calls going for `duration`, each with the next of `requests` (serialised GetPairKeysRequest).
  [[nodiscard]] Result Run(const std::vector<std::string>& requests, absl::Duration duration,
                           int in_flight = kInFlight);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::keydist::bench
