#include "common/file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "common/status.h"
#include "common/unique_fd.h"

namespace henb::common {
namespace {

absl::Status Errno(const std::string& path) { return absl::ErrnoToStatus(errno, path); }

template <typename Buffer>
absl::Status ReadInto(const std::string& path, std::size_t limit, Buffer append) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return Errno(path);
  std::size_t total = 0;
  SecretBytes chunk(16384);
  while (true) {
    const ssize_t got = read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno(path);
    if (got == 0) return absl::OkStatus();
    total += static_cast<std::size_t>(got);
    if (total > limit) return absl::ResourceExhaustedError(StrCat(path, ": larger than ", limit, " octets"));
    append(chunk.view().substr(0, static_cast<std::size_t>(got)));
  }
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t put = write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Errno(path);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit) {
  std::string out;
  RETURN_IF_ERROR(ReadInto(path, limit, [&](std::string_view part) { out += part; }));
  return out;
}

absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path, std::size_t limit) {
  SecretBytes out;
  RETURN_IF_ERROR(ReadInto(path, limit, [&](std::string_view part) { out.Append(part); }));
  return out;
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = StrCat(path, ".new");
  unlink(temporary.c_str());
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) return Errno(temporary);
  absl::Status done = fchmod(fd.get(), mode) == 0 ? WriteAll(fd.get(), content, temporary) : Errno(temporary);
  if (done.ok() && fsync(fd.get()) != 0) done = Errno(temporary);
  if (done.ok() && rename(temporary.c_str(), path.c_str()) != 0) done = Errno(path);
  if (!done.ok()) {
    unlink(temporary.c_str());
    return done;
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const UniqueFd folder_fd(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd.valid() && fsync(folder_fd.get()) != 0 && errno != EINVAL) return Errno(folder);
  return absl::OkStatus();
}

absl::Status AppendDurably(const std::string& path, std::string_view content) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return Errno(path);
  RETURN_IF_ERROR(WriteAll(fd.get(), content, path));
  return fdatasync(fd.get()) == 0 ? absl::OkStatus() : Errno(path);
}

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  std::filesystem::path so_far;
  for (const auto& part : std::filesystem::path(path)) {
    so_far /= part;
    const bool made = mkdir(so_far.c_str(), mode) == 0;
    if (!made && errno != EEXIST) return Errno(so_far.string());
    if (made && chmod(so_far.c_str(), mode) != 0) return Errno(so_far.string());  // whatever the umask is
  }
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Errno(path);
  if (!S_ISDIR(info.st_mode)) return absl::ErrnoToStatus(ENOTDIR, path);
  return absl::OkStatus();
}

absl::Status RequireMemoryFileSystem(const std::string& path) {
  struct statfs fs {};
  if (statfs(path.c_str(), &fs) != 0) return Errno(path);
  if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat(path, ": not on tmpfs; secrets are kept in memory only"));
}

}  // namespace henb::common
