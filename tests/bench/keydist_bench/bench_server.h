// The servers that the bench measures: the key service with and without a durable audit log, and the bare echo beside
// them.
#pragma once

#include <string>

#include "tests/bench/keydist_bench/bench_pki.h"

namespace henb::keydist::bench {

constexpr int kHenbs = 1024;  ///< Registered, all in one group.

[[nodiscard]] std::string HenbName(int number);

/// Ports on loopback, in the order in which they are written to `report`.
struct Ports {
  int echo = 0;
  int keys = 0;
  int durable = 0;
  int durable_echo = 0;
};

/// Serves until `stop` (a pipe's end) is closed. The audit file lies in `folder`. The echo answers every call with as
/// many octets as the key service would: the request's "x-answer" field says how many.
void Serve(const Pki& pki, const std::string& folder, int report, int stop);

}  // namespace henb::keydist::bench
