#include "henb-x2sec/app/links/pluto_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "common/file.h"
#include "common/strings.h"

namespace henb::x2sec::app {

PlutoWatch::PlutoWatch(common::EventLoop& loop, const std::string& rundir, std::function<void()> died)
    : loop_(loop), pid_file_(common::StrCat(rundir, "/pluto.pid")), died_(std::move(died)) {}

PlutoWatch::~PlutoWatch() { Detach(); }

void PlutoWatch::Attach() {
  const auto text = common::ReadFile(pid_file_, 64);
  if (!text.ok()) return;
  const std::string trimmed(absl::StripAsciiWhitespace(*text));
  const int pid = common::ParseNumber<int>(trimmed).value_or(0);
  if (pid <= 0 || (pid == pid_ && pid_fd_.valid())) return;
  Detach();
  pid_fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pid_fd_.valid()) return;
  pid_ = pid;
  loop_.WatchReadable(pid_fd_.get(), [this] {
    Detach();
    died_();
  });
}

void PlutoWatch::Detach() {
  if (pid_fd_.valid()) loop_.Unwatch(pid_fd_.get());
  pid_fd_.reset();
  pid_ = 0;
}

}  // namespace henb::x2sec::app
