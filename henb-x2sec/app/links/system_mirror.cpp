#include "henb-x2sec/app/links/system_mirror.h"

#include <algorithm>

#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kAskPlutoAgain = absl::Seconds(1);

void LogFailure(std::string_view event, const absl::Status& status) {
  if (!status.ok()) common::LogAlarm(event, {{"error", status}});
}

}  // namespace

SystemMirror::SystemMirror(Parts parts, Callbacks callbacks)
    : parts_(std::move(parts)), callbacks_(std::move(callbacks)), watch_(parts_.loop, parts_.pluto_rundir, [this] {
        SetPlutoRunning(false);
        CheckPluto();
      }) {}

absl::Status SystemMirror::TakeStock() {
  ASSIGN_OR_RETURN(kernel_, parts_.kernel.Snapshot());
  return parts_.kernel.InstallBelt();
}

void SystemMirror::SetDesired(core::Desired desired) {
  const bool guard_changes = guard_held_ != desired.guard;
  const bool connections_change = desired.connections != desired_.connections;
  desired_ = std::move(desired);
  if (parts_.ike != nullptr) {
    for (const core::ConnectionSpec& spec : desired_.connections) {
      desired_.fingerprints[spec.name] = parts_.ike->Fingerprint(spec);
    }
  }
  if (connections_change) ready_.clear();
  CheckKernel();
  if (guard_changes) CheckGuard();
  CheckPluto();
}

void SystemMirror::MovePin(const core::Pin& pin) {
  std::erase_if(desired_.pins, [&](const core::Pin& p) { return p.local == pin.local && p.peer == pin.peer; });
  desired_.pins.insert(pin);
  LogFailure("kernel.pin_failed", parts_.kernel.SetPin(pin));
}

void SystemMirror::Renew(const std::string& connection) {
  to_renew_.insert(connection);
  ready_.erase(connection);
}

void SystemMirror::DeleteState(std::uint64_t serial) {
  if (parts_.ike == nullptr) return;
  parts_.ike_worker.Run([ike = parts_.ike, serial] { return ike->DeleteState(serial); },
                        [this](const absl::Status& status) {
                          LogFailure("pluto.delete_state_failed", status);
                          CheckPluto();
                        });
}

void SystemMirror::DeleteSa(const core::SaInfo& sa) {
  LogFailure("kernel.delete_sa_failed", parts_.kernel.DeleteSa(sa));
}

void SystemMirror::CheckAll() {
  if (!checking_guard_) CheckGuard();
  if (!asking_pluto_) CheckPluto();
}

// --- kernel ---

void SystemMirror::CheckKernel() {
  auto snapshot = parts_.kernel.Snapshot();
  if (!snapshot.ok()) return LogFailure("kernel.snapshot_failed", snapshot.status());
  core::Observed observed{.ike = std::nullopt, .kernel = *std::move(snapshot), .to_renew = {}, .phantoms_before = {}};
  const core::Repairs repairs = core::Reconcile(desired_, observed);
  RepairKernel(repairs);
  kernel_ = std::move(observed.kernel);
  UnknownSpisNeedPluto();
  callbacks_.looked();
}

void SystemMirror::RepairKernel(const core::Repairs& repairs) {
  if (repairs.install_belt) {
    const absl::Status installed = parts_.kernel.InstallBelt();
    common::LogWarning("kernel.belt_installed", {{"ok", installed.ok()}});
    LogFailure("kernel.belt_failed", installed);
  }
  for (const core::ClearPair& pair : repairs.forbid_clear) {
    LogFailure("kernel.forbid_failed", parts_.kernel.ForbidClear(pair));
  }
  for (const core::Pin& pin : repairs.set_pins) LogFailure("kernel.pin_failed", parts_.kernel.SetPin(pin));
  for (const auto& [local, peer] : repairs.remove_pins) {
    LogFailure("kernel.unpin_failed", parts_.kernel.RemovePin(local, peer));
  }
  for (const core::TunnelPin& pin : repairs.set_tunnel_pins) {
    LogFailure("kernel.pin_failed", parts_.kernel.SetTunnelPin(pin));
  }
  for (const auto& [local, network] : repairs.remove_tunnel_pins) {
    LogFailure("kernel.unpin_failed", parts_.kernel.RemoveTunnelPin(local, network));
  }
  for (const core::SaInfo& sa : repairs.delete_sas) LogFailure("kernel.delete_sa_failed", parts_.kernel.DeleteSa(sa));
  for (const core::ClearPair& pair : repairs.allow_clear) {
    LogFailure("kernel.allow_failed", parts_.kernel.AllowClear(pair));
  }
}

/// SAs of ours that pluto's last answer does not explain: ask again what they are.
void SystemMirror::UnknownSpisNeedPluto() {
  if (!pluto_running_ || asking_pluto_) return;
  std::set<std::uint32_t> known;
  for (const core::ChildSa& child : ike_.child_sas) {
    known.insert(child.spi_in);
    known.insert(child.spi_out);
  }
  const bool unknown = std::any_of(kernel_.sas.begin(), kernel_.sas.end(), [&](const core::SaInfo& sa) {
    return sa.spi != 0 && desired_.own_reqids.contains(sa.reqid) && !known.contains(sa.spi);
  });
  if (unknown && !ask_pluto_later_) {
    ask_pluto_later_ = parts_.loop.After(absl::Milliseconds(30), [this] {
      ask_pluto_later_.reset();
      CheckStates();
    });
  }
}

// --- guard ---

void SystemMirror::CheckGuard() {
  if (checking_guard_) {
    check_guard_again_ = true;
    return;
  }
  checking_guard_ = true;
  const bool differs = guard_held_ && guard_held_ != desired_.guard;  // there is no need to look first
  parts_.guard_worker.Run(
      [&guard = parts_.guard, spec = desired_.guard, differs]() -> std::pair<absl::StatusOr<bool>, core::GuardSpec> {
        auto in_place = differs ? absl::StatusOr<bool>(false) : guard.InPlace(spec);
        if (in_place.ok() && *in_place) return {true, spec};
        const absl::Status applied = guard.Apply(spec);
        if (!applied.ok()) return {applied, spec};
        return {false, spec};
      },
      [this](auto result) { GuardDone(std::move(result.first), result.second); });
}

void SystemMirror::GuardDone(absl::StatusOr<bool> was_in_place, const core::GuardSpec& applied) {
  checking_guard_ = false;
  if (!was_in_place.ok()) {
    guard_held_.reset();
    common::LogAlarm("guard.apply_failed", {{"error", was_in_place.status()}});
    parts_.loop.After(absl::Seconds(1), [this] { CheckGuard(); });
    return;
  }
  if (!*was_in_place && guard_held_ == applied) common::LogAlarm("guard.table_restored", {});
  guard_held_ = applied;
  const bool again = check_guard_again_ || applied != desired_.guard;
  check_guard_again_ = false;
  if (again) CheckGuard();
  callbacks_.looked();
}

// --- pluto ---

void SystemMirror::CheckPluto() {
  if (parts_.ike == nullptr) return;
  if (asking_pluto_) {
    ask_pluto_again_ = true;
    return;
  }
  asking_pluto_ = true;
  parts_.ike_worker.Run([ike = parts_.ike] { return ike->Snapshot(); },
                        [this](absl::StatusOr<core::IkeSnapshot> snapshot) { PlutoAnswered(std::move(snapshot)); });
}

void SystemMirror::CheckStates() {
  if (parts_.ike == nullptr || asking_states_ || asking_pluto_) return;
  asking_states_ = true;
  parts_.ike_worker.Run([ike = parts_.ike] { return ike->States(); },
                        [this](absl::StatusOr<core::IkeSnapshot> states) {
                          asking_states_ = false;
                          if (!states.ok()) return PlutoIsAway(states.status());
                          ike_.ike_sas = std::move(states->ike_sas);
                          ike_.child_sas = std::move(states->child_sas);
                          CheckKernel();
                        });
}

void SystemMirror::PlutoIsAway(const absl::Status& why) {
  common::LogDebug("pluto.no_answer", {{"error", why}});
  SetPlutoRunning(false);
  if (ask_pluto_later_) return;
  ask_pluto_later_ = parts_.loop.After(kAskPlutoAgain, [this] {
    ask_pluto_later_.reset();
    CheckPluto();
  });
}

void SystemMirror::PlutoAnswered(absl::StatusOr<core::IkeSnapshot> snapshot) {
  if (!snapshot.ok()) {
    asking_pluto_ = false;
    ask_pluto_again_ = false;
    return PlutoIsAway(snapshot.status());
  }
  ike_ = *std::move(snapshot);
  SetPlutoRunning(true);
  watch_.Attach();
  auto kernel = parts_.kernel.Snapshot();
  if (kernel.ok()) kernel_ = *std::move(kernel);
  callbacks_.looked();  // before a connection is called ready: what is up is adopted, not negotiated again
  core::Observed observed{.ike = ike_, .kernel = kernel_, .to_renew = to_renew_, .phantoms_before = phantoms_};
  core::Repairs repairs = core::Reconcile(desired_, observed);
  phantoms_ = repairs.phantoms;
  RepairPluto(std::move(repairs));
}

void SystemMirror::RepairPluto(core::Repairs repairs) {
  std::set<std::string> to_add;
  for (const core::ConnectionSpec& spec : repairs.add_connections) to_add.insert(spec.name);
  for (const core::ConnectionSpec& spec : desired_.connections) {
    if (!to_add.contains(spec.name) && ready_.insert(spec.name).second) callbacks_.ready(spec.name);
  }
  to_renew_.clear();
  const bool nothing =
      repairs.delete_connections.empty() && repairs.add_connections.empty() && repairs.delete_states.empty();
  if (nothing) return PlutoRepaired();
  parts_.ike_worker.Run(
      [this, ike = parts_.ike, repairs = std::move(repairs)] {
        for (const std::string& name : repairs.delete_connections) LogFailure("pluto.delete_failed", ike->Delete(name));
        for (const std::uint64_t serial : repairs.delete_states) {
          LogFailure("pluto.delete_state_failed", ike->DeleteState(serial));
        }
        for (const core::ConnectionSpec& spec : repairs.add_connections) {
          // Told one by one: a link starts to negotiate while others are still being given to pluto.
          parts_.loop.Post([this, spec, status = ike->Add(spec)] { ConnectionAdded(spec, status); });
        }
        return true;
      },
      [this](bool) { PlutoRepaired(); });
}

void SystemMirror::ConnectionAdded(const core::ConnectionSpec& spec, const absl::Status& status) {
  if (!status.ok()) return callbacks_.refused(spec.name, status);
  const auto& wanted = desired_.connections;
  if (std::find(wanted.begin(), wanted.end(), spec) == wanted.end()) return;
  if (ready_.insert(spec.name).second) callbacks_.ready(spec.name);
}

void SystemMirror::PlutoRepaired() {
  asking_pluto_ = false;
  if (ask_pluto_again_) {
    ask_pluto_again_ = false;
    CheckPluto();
  }
  CheckKernel();
}

void SystemMirror::SetPlutoRunning(bool running) {
  if (pluto_known_ && running == pluto_running_) return;
  pluto_known_ = true;
  pluto_running_ = running;
  if (!running) ready_.clear();
  callbacks_.pluto_changed(running);
}

}  // namespace henb::x2sec::app
