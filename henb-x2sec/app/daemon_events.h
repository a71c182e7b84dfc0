// What happens outside, and which part hears of it.
#pragma once

#include <functional>
#include <string>

#include "common/unique_fd.h"
#include "henb-x2sec/app/daemon_parts.h"

namespace henb::x2sec::app {

/// Routes signals, kernel and nft events, the slow timer, news of pluto, policy, health and enrolment to the parts.
/// Loop thread. Made before the first thread: from then on signals come through the loop.
class DaemonEvents {
 public:
  /// `config_path` is read again at SIGHUP; `on_slow_timer` runs after the parts' own work.
  DaemonEvents(DaemonParts& parts, std::string config_path, std::function<void()> on_slow_timer);

  /// From now on they come.
  void StartWatches();
  void PlutoChanged(bool running);
  /// A token that was away can be used again: its keys are the device's again.
  void TokenBack();
  void Enrolled();
  void PolicyChanged();
  void Provisioned();
  void LookAtHealth();

 private:
  void KernelEvents();
  void SlowTimer();
  void Signals();
  void Reload();
  void ShowToKeyService();

  DaemonParts& parts_;
  std::string config_path_;
  std::function<void()> on_slow_timer_;
  common::UniqueFd signals_;
  bool kernel_look_armed_ = false;
};

}  // namespace henb::x2sec::app
