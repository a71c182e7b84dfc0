#include "keydist-server/app/unix_socket.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::app {

absl::Status RestrictSocket(const std::string& path, const std::string& group) {
  struct group entry {};
  struct group* found = nullptr;
  std::vector<char> buffer(16384);
  getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr && chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
    common::LogWarning("socket_group_not_set", {{"path", path}, {"group", group}, {"error", std::strerror(errno)}});
  }
  if (chmod(path.c_str(), 0660) != 0) return absl::UnavailableError(common::StrCat(path, ": ", std::strerror(errno)));
  return absl::OkStatus();
}

NarrowUmask::NarrowUmask() : before_(umask(0177)) {}
NarrowUmask::~NarrowUmask() { umask(before_); }

}  // namespace henb::keydist::app
