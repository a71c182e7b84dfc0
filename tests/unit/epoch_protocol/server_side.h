// The key service of the search: the server's own pure functions over a state's Server.
#pragma once

#include <string>

#include "tests/unit/epoch_protocol/key_pool.h"
#include "tests/unit/epoch_protocol/mistake.h"
#include "tests/unit/epoch_protocol/state.h"

namespace henb::epoch_protocol {

class ServerSide {
 public:
  ServerSide(KeyPool& keys, Mistake mistake) : keys_(keys), mistake_(mistake) {}

  /// EpochKeeper's tick: plan, compare-and-create, plan again, destroy. `violation` tells of an epoch that went back.
  void Tick(Server* server, int now, std::string* violation) const;
  /// What is in memory is lost.
  void Restart(Server* server) const;
  /// What the caller (0: lower identity, 1: higher) is told about the pair; kNone when the service has no epoch to
  /// serve.
  [[nodiscard]] Answer Ask(const Server& server, int now, int caller, std::string* violation) const;
  /// What a link between two active HeNBs should run on; epoch 0 when there is none.
  [[nodiscard]] KeyPool::Meaning Wanted(const Server& server, int now) const;

  /// The operator's commands.
  static void Rotate(Server* server, int henb);
  static void Suspend(Server* server, int henb);
  static void Resume(Server* server, int henb);

 private:
  KeyPool& keys_;
  Mistake mistake_;
};

/// In ticks, as every time of the search; long enough apart for a clock that is off by the bound.
constexpr int kEpochLength = 5;
constexpr int kGrace = 1;
constexpr int kPrefetch = 3;

}  // namespace henb::epoch_protocol
