#pragma once

#include <string>

#include "absl/status/status.h"

namespace henb::keydist::app {

/// Access to a control socket: mode 0660 and, where the group exists, its ownership; without it only the owner's group
/// gets in. Unavailable when the file is not there.
[[nodiscard]] absl::Status RestrictSocket(const std::string& path, const std::string& group);

/// While it lives, files are made with mode 0600 at most: a socket is never open to all, not even between bind and
/// RestrictSocket.
class NarrowUmask {
 public:
  NarrowUmask();
  ~NarrowUmask();
  NarrowUmask(const NarrowUmask&) = delete;
  NarrowUmask& operator=(const NarrowUmask&) = delete;

 private:
  unsigned before_;
};

}  // namespace henb::keydist::app
