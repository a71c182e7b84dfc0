#include "common/unix_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "common/file.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace henb::common {

namespace {

constexpr std::size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view kStagingSuffix = "/.socket.XXXXXX/s";

absl::Status SystemError(std::string_view what, const std::string& path, int error) {
  return absl::ErrnoToStatus(error, ToAbsl(StrCat(what, " ", path)));
}

absl::Status CheckFolder(const std::string& folder) {
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return SystemError("looking at", folder, errno);
  const bool everybody_writes = (info.st_mode & S_IWOTH) != 0;
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  if (everybody_writes && !sticky) {
    return absl::FailedPreconditionError(StrCat(folder, " is writable for everybody"));
  }
  return absl::OkStatus();
}

std::optional<gid_t> GroupId(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::array<char, 16384> buffer{};
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry.gr_gid;
}

}  // namespace

absl::Status TryToConnect(const std::string& path) {
  if (path.size() > kLongestPath) return absl::InvalidArgumentError(StrCat(path, ": too long for a unix socket"));
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return SystemError("socket for", path, errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN) {
    return absl::OkStatus();
  }
  const int error = errno;
  const std::string message = StrCat(path, ": ", std::strerror(error));
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

absl::StatusOr<SocketPlace> SocketPlace::Prepare(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash + 1 == path.size()) {
    return absl::InvalidArgumentError(StrCat(Quoted(path), " is not an absolute path of a socket"));
  }
  const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
  if (path.size() > kLongestPath || folder.size() + kStagingSuffix.size() > kLongestPath) {
    return absl::InvalidArgumentError(StrCat(path, ": too long for a unix socket"));
  }
  RETURN_IF_ERROR(MakeDirectories(folder, 0755));
  RETURN_IF_ERROR(CheckFolder(folder));

  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return absl::FailedPreconditionError(StrCat(path, " is there and is no socket"));
    if (TryToConnect(path).ok()) return absl::AlreadyExistsError(StrCat("another process serves ", path));
  }

  std::string staging = folder + std::string(kStagingSuffix.substr(0, kStagingSuffix.rfind('/')));
  if (mkdtemp(staging.data()) == nullptr) return SystemError("making a folder in", folder, errno);
  return SocketPlace(path, staging);
}

SocketPlace::SocketPlace(std::string path, std::string staging_folder)
    : path_(std::move(path)), staging_folder_(std::move(staging_folder)), staging_path_(staging_folder_ + "/s") {}

SocketPlace::SocketPlace(SocketPlace&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      staging_folder_(std::exchange(other.staging_folder_, {})),
      staging_path_(std::exchange(other.staging_path_, {})),
      inode_(std::exchange(other.inode_, 0)) {}

absl::Status SocketPlace::Publish(const std::string& group) {
  struct stat info {};
  if (stat(staging_path_.c_str(), &info) != 0) return SystemError("looking at", staging_path_, errno);
  const std::optional<gid_t> gid = GroupId(group);
  if (gid && chown(staging_path_.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
    return SystemError(StrCat("giving to group ", group), path_, errno);
  }
  if (chmod(staging_path_.c_str(), gid ? 0660 : 0600) != 0) return SystemError("setting the mode of", path_, errno);
  if (rename(staging_path_.c_str(), path_.c_str()) != 0) return SystemError("placing", path_, errno);
  inode_ = info.st_ino;
  rmdir(staging_folder_.c_str());
  staging_folder_.clear();
  return absl::OkStatus();
}

void SocketPlace::Remove() {
  if (!staging_folder_.empty()) {
    unlink(staging_path_.c_str());
    rmdir(staging_folder_.c_str());
    staging_folder_.clear();
  }
  struct stat info {};
  if (inode_ != 0 && lstat(path_.c_str(), &info) == 0 && info.st_ino == inode_) unlink(path_.c_str());
  inode_ = 0;
}

}  // namespace henb::common
