// A NAT box between the peer and us gives us another port, and what the peer sends goes where nobody is (R64).
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::x2sec::core {

/// Of one connection.
struct MappingWatch {
  std::uint64_t bytes_in = 0;
  int unanswered = 0;      ///< Probes in a row after which nothing came in.
  absl::Duration next_at;  ///< Steady clock; not looked at before.
  absl::Duration next_change;
  int changes = 0;  ///< In a row, without anything coming in.
};

struct MappingStep {
  MappingWatch watch;
  bool probe = false;       ///< A packet that the peer answers.
  bool change_key = false;  ///< From our end: the new SAs go by the port that we have now.
};

inline constexpr absl::Duration kProbeThroughNatEvery = absl::Seconds(5);

/// Our end may be the one inside: the connection's SAs are in UDP (RFC 3948), and the peer's address is its own.
[[nodiscard]] bool MayBeInsideNat(const ConnectionSpec& spec, const KernelSnapshot& kernel);

/// A look at a connection that is up: what has come in on all of its SAs. Five probes in a row without an answer are a
/// lost mapping. A peer that answers none costs a key change now and then, more and more rarely, and no packet.
[[nodiscard]] MappingStep LookThroughNat(MappingWatch watch, std::uint64_t bytes_in, absl::Duration now);

}  // namespace henb::x2sec::core
