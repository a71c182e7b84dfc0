// Pair keys: which are needed, which are here, when they change.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/keys/key_state.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/key_service.h"
#include "henb-x2sec/core/ports/secret_store.h"

namespace henb::x2sec::app {

/// Registers with the key service once a link needs it (R4: never before), fetches keys in batches, installs them,
/// watches for changes, fetches again before expiry; retries with back-off and jitter. A fresher key for a pair that is
/// up is installed beside the running SA (which keeps its old key until the key change); `changed` tells. Never goes
/// back to an older epoch or generation (R47). A key whose epoch and grace are over goes from pluto and from memory,
/// whether the service answers or not (R49). Loop thread.
class KeyDistribution {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& worker;
    core::KeyService* service;  ///< None when key distribution is left out, off or not configured.
    core::SecretStore& secrets;
    core::IkeDaemon& ike;
    std::function<core::RegisterFacts()> facts;
    /// The pair's key state changed: installed, replaced (a key change is due), denied or lost.
    std::function<void(const common::HenbId&, bool replaced)> changed;
    std::function<void(const common::HenbId&, const core::PeerFacts&)> learned;
  };
  explicit KeyDistribution(Parts parts);
  ~KeyDistribution();

  /// The neighbours whose links are PSK now. Keys of others are removed from the secrets file. `may_need`: the policy
  /// has a rule that lists PSK, so that the session with the service outlives its last link by some minutes.
  void SetNeeded(const std::set<common::HenbId>& peers, bool may_need = false);
  /// Fetches the pair's key anew now; `done` tells whether a key is installed.
  void Refresh(const common::HenbId& peer, std::function<void(absl::Status)> done);
  /// The way to the key service may be open again: a retry that waits comes soon.
  void PathChanged();
  /// Of a pair that is not needed: what an earlier run left, until SetNeeded is called first.
  [[nodiscard]] const KeyState& StateOf(const common::HenbId& peer) const;
  /// Whether the service answered last time.
  [[nodiscard]] const absl::Status& health() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::x2sec::app
