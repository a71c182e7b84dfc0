#include "common/private_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/status.h"

namespace henb::common {

absl::Status RequirePrivateFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return absl::NotFoundError(StrCat(path, ": ", std::strerror(errno)));
  // The access list shows as the group's bits.
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const bool by_systemd = credentials != nullptr && path.starts_with(StrCat(credentials, "/"));
  if ((info.st_mode & (by_systemd ? 07U : 077U)) != 0) {
    return absl::InvalidArgumentError(StrCat(path, ": readable by others; make it mode 0600"));
  }
  return absl::OkStatus();
}

}  // namespace henb::common
