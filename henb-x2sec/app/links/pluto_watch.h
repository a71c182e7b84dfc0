// Notices that pluto has died, at once.
#pragma once

#include <functional>
#include <string>

#include "common/event_loop.h"
#include "common/unique_fd.h"

namespace henb::x2sec::app {

/// Watches the process that `rundir`/pluto.pid names. Loop thread.
class PlutoWatch {
 public:
  /// `died` is called once for each process that Attach found.
  PlutoWatch(common::EventLoop& loop, const std::string& rundir, std::function<void()> died);
  ~PlutoWatch();
  PlutoWatch(const PlutoWatch&) = delete;
  PlutoWatch& operator=(const PlutoWatch&) = delete;

  /// Looks for the running pluto; cheap when it is the one watched already. Called whenever pluto has answered.
  void Attach();

 private:
  void Detach();
  common::EventLoop& loop_;
  std::string pid_file_;
  std::function<void()> died_;
  int pid_ = 0;
  common::UniqueFd pid_fd_;
};

}  // namespace henb::x2sec::app
