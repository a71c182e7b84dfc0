// Runs key changes: the pure machine against pluto and the kernel.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/worker.h"
#include "henb-x2sec/app/links/key_change_counts.h"
#include "henb-x2sec/app/links/prober.h"
#include "henb-x2sec/app/links/system_mirror.h"
#include "henb-x2sec/core/key_change.h"

namespace henb::x2sec::app {

/// One change at a time for each group of connections that share their IKE end points (and so their IKE SA). Loop
/// thread.
class KeyChanges {
 public:
  struct Parts {
    common::EventLoop& loop;
    const common::Clock& clock;
    core::IkeDaemon* ike;
    SystemMirror& mirror;
    common::Worker& ike_worker;
    common::Worker& initiate_worker;
    Prober& prober;
    /// The pin of a connection has moved.
    std::function<void(const std::string& connection, std::uint32_t spi)> moved;
  };
  explicit KeyChanges(Parts parts);

  /// Changes the keys of all these connections (of one neighbour); `done` with OK, or Aborted with the reason of the
  /// first that failed: then the old SA stays as it was. AlreadyExists when a change of the neighbour runs.
  void Start(const common::HenbId& neighbour, const std::vector<core::ConnectionSpec>& connections,
             std::function<void(absl::Status)> done);
  [[nodiscard]] bool Running(const common::HenbId& neighbour) const { return running_.contains(neighbour); }
  [[nodiscard]] const KeyChangeCounts& counts() const { return counts_; }
  /// The link is being torn down or renewed: its change ends as failed.
  void Abandon(const common::HenbId& neighbour);

 private:
  struct Run {
    std::vector<core::ConnectionSpec> connections;
    core::KeyChange change;
  };
  struct Job {
    std::vector<Run> runs;  ///< One a group; worked off from the back.
    std::function<void(absl::Status)> done;
    std::uint64_t number = 0;
    bool waited = false;  ///< For a change of the peer's that was under way.
  };

  [[nodiscard]] core::KeyChangeView View(const Run& run) const;
  void Begin(const common::HenbId& neighbour, absl::Duration in);
  void Poll(const common::HenbId& neighbour, std::uint64_t number);
  void Advance(const common::HenbId& neighbour, core::KeyChangeStep step);
  void Execute(const common::HenbId& neighbour, const Run& run, const core::KeyChangeAction& action);
  void Failed(const common::HenbId& neighbour, std::uint64_t number, const std::string& why);
  void Finish(const common::HenbId& neighbour, const absl::Status& status);

  Parts parts_;
  std::map<common::HenbId, Job> running_;
  std::uint64_t next_number_ = 1;
  KeyChangeCounts counts_;
};

}  // namespace henb::x2sec::app
