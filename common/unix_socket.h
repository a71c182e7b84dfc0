// Unix sockets: placed in the file system without a moment of wrong access rights, and found again.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace henb::common {

/// A server binds at `staging_path()`, in a folder that is its own alone; Publish() then gives the socket its mode and
/// group and moves it to its final path, in place of one that nobody serves. Owns both paths. One thread.
class SocketPlace {
 public:
  /// Makes the parent folder (0755) if need be. AlreadyExists: somebody serves `path`; FailedPrecondition: the folder
  /// is writable for everybody, or `path` is no socket; InvalidArgument: the path is empty, relative or too long for a
  /// unix socket.
  [[nodiscard]] static absl::StatusOr<SocketPlace> Prepare(const std::string& path);
  ~SocketPlace() { Remove(); }
  SocketPlace(SocketPlace&& other) noexcept;
  SocketPlace& operator=(SocketPlace&&) = delete;
  SocketPlace(const SocketPlace&) = delete;
  SocketPlace& operator=(const SocketPlace&) = delete;

  [[nodiscard]] const std::string& staging_path() const { return staging_path_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// 0660 and `group`; 0600 where there is no such group.
  [[nodiscard]] absl::Status Publish(const std::string& group);
  /// Takes the socket away, if it is still this one. Idempotent.
  void Remove();

 private:
  SocketPlace(std::string path, std::string staging_folder);
  std::string path_;
  std::string staging_folder_;
  std::string staging_path_;
  ino_t inode_ = 0;  ///< 0: not published.
};

/// Whether something accepts connections at `path`. Unavailable: nobody does, or nothing is there; PermissionDenied: it
/// may not be tried. The message says which.
[[nodiscard]] absl::Status TryToConnect(const std::string& path);

}  // namespace henb::common
