#include "keydist-server/store/append_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/status.h"
#include "common/unique_fd.h"

namespace henb::keydist::store {
namespace {

class PosixAppendFile final : public AppendFile {
 public:
  PosixAppendFile(common::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error("write");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override { return fdatasync(fd_.get()) == 0 ? absl::OkStatus() : Error("fdatasync"); }

  absl::Status Truncate(std::uint64_t size) override {
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return Error("ftruncate");
    return fsync(fd_.get()) == 0 ? absl::OkStatus() : Error("fsync");
  }

  absl::StatusOr<std::uint64_t> Size() const override {
    struct stat info {};
    if (fstat(fd_.get(), &info) != 0) return Error("fstat");
    return static_cast<std::uint64_t>(info.st_size);
  }

  absl::StatusOr<std::string> Read(std::uint64_t offset, std::size_t most) const override {
    std::string bytes(most, '\0');
    std::size_t have = 0;
    while (have < most) {
      const ssize_t n = pread(fd_.get(), bytes.data() + have, most - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error("read");
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }

 private:
  absl::Status Error(std::string_view doing) const {
    return absl::UnavailableError(common::StrCat(path_, ": ", doing, ": ", std::strerror(errno)));
  }
  common::UniqueFd fd_;
  std::string path_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppendFile(const std::string& path) {
  common::UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd.valid()) return absl::UnavailableError(common::StrCat(path, ": ", std::strerror(errno)));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(common::StrCat(path, ": held by another process"));
  }
  // The name must survive a power cut as the records do.
  const std::string folder = path.find('/') == std::string::npos ? "." : path.substr(0, path.rfind('/') + 1);
  const common::UniqueFd directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid()) fsync(directory.get());
  return std::make_unique<PosixAppendFile>(std::move(fd), path);
}

}  // namespace henb::keydist::store
