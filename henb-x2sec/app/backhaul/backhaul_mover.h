// The backhaul's move to the operator certificate (R65).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/backhaul_move_config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/links/key_changes.h"
#include "henb-x2sec/app/links/prober.h"
#include "henb-x2sec/app/links/system_mirror.h"
#include "henb-x2sec/core/backhaul_move.h"

namespace henb::x2sec::app {

/// Keeps the reqid of the new connection. No neighbour can have it (RFC 6761 §6.4).
[[nodiscard]] common::HenbId BackhaulId();

/// The new connection: by the operator certificate, the gateway below the root of that. FailedPrecondition: there is no
/// certificate to show. Pure.
[[nodiscard]] absl::StatusOr<core::ConnectionSpec> BackhaulSpec(const BackhaulMoveConfig& config,
                                                                const common::IpAddress& local_to_gateway, int reqid,
                                                                const common::HenbId& self,
                                                                const Credentials& credentials);

/// Owns the new connection and the kernel's own policies for what the backhaul carries, so that no packet goes in clear
/// between the two; the old connection belongs to the firmware and is taken down or brought up by name. Loop thread.
class BackhaulMover {
 public:
  struct Parts {
    BackhaulMoveConfig config;
    int old_reqid = 0;
    int new_reqid = 0;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    core::IkeDaemon& ike;
    SystemMirror& mirror;
    KeyChanges& key_changes;
    Prober& prober;
    common::Worker& ike_worker;
    common::Worker& initiate_worker;
    /// As it should be now. FailedPrecondition: there is nothing to show; any other error: what is there stays.
    std::function<absl::StatusOr<core::ConnectionSpec>()> spec;
    std::function<bool()> may_try;                          ///< The certificate is valid now.
    std::function<bool(const common::IpAddress&)> is_ours;  ///< The address is one of this host's.
    std::function<void()> push_desired;
  };
  explicit BackhaulMover(Parts parts);
  ~BackhaulMover();

  /// Goes on where an earlier run was: what carries in the kernel is left as it is.
  void Start();
  /// Snapshots are new, a connection is ready, or time has passed.
  void Look();
  void AddTo(core::Desired& desired) const;
  [[nodiscard]] bool Owns(const std::string& connection) const { return wanted_ && wanted_->name == connection; }
  void Refused(const absl::Status& why);  ///< pluto does not take the connection.

  /// The new connection has an IKE SA of this serial or an older one.
  [[nodiscard]] bool AuthenticatedUpTo(std::uint64_t serial) const;
  /// As KeyChanges::Start. FailedPrecondition while the old connection carries.
  void ChangeKey(std::function<void(absl::Status)> done);
  void PinMoved(std::uint32_t spi_out);

  [[nodiscard]] int reqid() const { return parts_.new_reqid; }
  [[nodiscard]] bool moved() const { return move_.phase == core::BackhaulPhase::kMoved; }
  /// Why it has not moved; empty when it has.
  [[nodiscard]] std::string problem() const;

 private:
  using OldEnds = std::pair<common::IpAddress, common::IpAddress>;  ///< Ours, the gateway's.
  void RefreshWanted();
  [[nodiscard]] core::BackhaulView View();
  [[nodiscard]] std::optional<core::TunnelPin> PinNow() const;
  void PushIfChanged();
  void Take(core::BackhaulStep step);
  void Act(core::BackhaulAction action);
  void Initiate();
  void AttemptEnded(const absl::StatusOr<core::InitiateReport>& report);
  void TellOld(std::string_view event, absl::Status (core::IkeDaemon::*call)(const std::string&));
  void RemoveOrphans();
  void LookAgain();

  Parts parts_;
  core::BackhaulMove move_;
  std::optional<core::ConnectionSpec> wanted_;
  bool gateway_key_is_rsa_ = false;       ///< Learned by IKE.
  std::string missing_;                   ///< Why there is no `wanted_`.
  std::optional<OldEnds> old_ends_;       ///< As last seen in the kernel.
  bool both_ = false;                     ///< Packets may come in from either gateway.
  bool on_new_ = false;                   ///< Where outbound traffic goes.
  std::optional<std::uint32_t> key_pin_;  ///< While a key changes: the SA that traffic is on.
  std::optional<core::TunnelPin> pushed_;
  std::optional<core::ConnectionSpec> pushed_connection_;
  std::uint64_t authenticated_ike_ = 0;
  absl::Duration authenticated_at_;
  std::map<std::uint32_t, absl::Duration> orphans_;  ///< Since when seen.
  bool looking_ = false;
  std::uint64_t attempt_ = 0;
  std::optional<common::EventLoop::TimerId> timer_;
};

}  // namespace henb::x2sec::app
