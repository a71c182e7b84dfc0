// What pluto, the kernel and the guard hold, kept equal to what should be.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/event_loop.h"
#include "common/worker.h"
#include "henb-x2sec/app/links/pluto_watch.h"
#include "henb-x2sec/core/ports/guard.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "henb-x2sec/core/reconciler.h"

namespace henb::x2sec::app {

/// Runs the reconciler's repairs: the kernel's at once on the loop, pluto's and the guard's on workers, one look at a
/// time each. Repairs what is ours after a restart, a foreign flush, a dead pluto. Loop thread.
class SystemMirror {
 public:
  struct Parts {
    common::EventLoop& loop;
    core::IkeDaemon* ike;  ///< None when IPsec is left out or off.
    core::KernelIpsec& kernel;
    core::Guard& guard;
    common::Worker& ike_worker;    ///< One thread: pluto takes one call at a time.
    common::Worker& guard_worker;  ///< One thread.
    std::string pluto_rundir;
  };
  struct Callbacks {
    std::function<void()> looked;                              ///< Snapshots are new: decide what they mean.
    std::function<void(const std::string& connection)> ready;  ///< The connection is in pluto as wanted.
    std::function<void(const std::string& connection, const absl::Status&)> refused;
    std::function<void(bool running)> pluto_changed;
  };
  SystemMirror(Parts parts, Callbacks callbacks);

  /// At start, before anything is desired: what an earlier run left, and the second belt in place.
  [[nodiscard]] absl::Status TakeStock();
  /// What should be from now on. The kernel is put right before this returns; guard and pluto follow.
  void SetDesired(core::Desired desired);
  /// A pin moves without anything else changing; desired follows.
  void MovePin(const core::Pin& pin);
  /// The connection is taken down and given anew at the next look (its state is unknown, or its SAs have to go).
  void Renew(const std::string& connection);

  /// One of pluto's states, asynchronously; a failure is logged.
  void DeleteState(std::uint64_t serial);
  /// A kernel SA of ours that nobody needs any more.
  void DeleteSa(const core::SaInfo& sa);

  void CheckKernel();  ///< Snapshot, repairs of the kernel, `looked`.
  void CheckGuard();
  void CheckPluto();   ///< Asks pluto, repairs its connections, then CheckKernel.
  void CheckStates();  ///< Asks pluto for its SAs only, a tenth of the cost, then CheckKernel.
  void CheckAll();     ///< A look that is under way will do: for the slow timer.

  [[nodiscard]] bool pluto_running() const { return pluto_running_; }
  /// What the guard is known to hold; none when that is not known.
  [[nodiscard]] const std::optional<core::GuardSpec>& guard_held() const { return guard_held_; }
  [[nodiscard]] bool guard_as_desired() const { return guard_held_ == desired_.guard; }
  [[nodiscard]] const core::IkeSnapshot& ike() const { return ike_; }
  [[nodiscard]] const core::KernelSnapshot& kernel() const { return kernel_; }
  [[nodiscard]] bool IsReady(const std::string& connection) const { return ready_.contains(connection); }

 private:
  void RepairKernel(const core::Repairs& repairs);
  void PlutoAnswered(absl::StatusOr<core::IkeSnapshot> snapshot);
  void PlutoIsAway(const absl::Status& why);
  void RepairPluto(core::Repairs repairs);
  void PlutoRepaired();
  void ConnectionAdded(const core::ConnectionSpec& spec, const absl::Status& status);
  void SetPlutoRunning(bool running);
  void UnknownSpisNeedPluto();
  void GuardDone(absl::StatusOr<bool> was_in_place, const core::GuardSpec& applied);

  Parts parts_;
  Callbacks callbacks_;
  PlutoWatch watch_;
  core::Desired desired_;
  core::IkeSnapshot ike_;
  core::KernelSnapshot kernel_;
  std::set<std::string> to_renew_;
  std::set<std::string> ready_;
  std::set<std::uint64_t> phantoms_;
  bool pluto_running_ = false;
  bool pluto_known_ = false;
  bool asking_pluto_ = false;
  bool ask_pluto_again_ = false;
  bool asking_states_ = false;
  std::optional<common::EventLoop::TimerId> ask_pluto_later_;
  bool checking_guard_ = false;
  bool check_guard_again_ = false;
  std::optional<core::GuardSpec> guard_held_;
};

}  // namespace henb::x2sec::app
