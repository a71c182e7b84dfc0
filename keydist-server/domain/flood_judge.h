// Which connections open calls faster than a HeNB may (R50). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "keydist-server/domain/token_bucket.h"

namespace henb::keydist::domain {

/// How many calls a connection has opened so far.
struct OpenedCalls {
  std::string connection;
  std::uint64_t calls = 0;
};

/// A token bucket for each connection, full when it is first seen. One thread.
class FloodJudge {
 public:
  explicit FloodJudge(BucketLimits limits) : limits_(limits) {}
  /// `all` connections that stand at `now`, on a clock that never jumps: those that opened more since the last look
  /// than they had left. One that is no longer there is forgotten.
  [[nodiscard]] std::vector<std::string> Look(std::span<const OpenedCalls> all, absl::Duration now);

 private:
  struct Seen {
    std::uint64_t calls = 0;
    TokenBucket bucket;
    bool still_there = true;
  };
  BucketLimits limits_;
  std::map<std::string, Seen> seen_;
};

}  // namespace henb::keydist::domain
