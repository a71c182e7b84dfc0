// A disk that fails, below SQLite and below the audit log: the program's own write, pwrite, fsync, fdatasync, ftruncate
// and open stand before libc's, for every library of the process.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

namespace henb::keydist::test {

/// For files whose path contains `part`. Any thread.
class DiskFaults {
 public:
  enum class Kind {
    kNone,
    kNoSpace,     ///< Writes: ENOSPC.
    kShortWrite,  ///< Half of each write is written, then ENOSPC.
    kIoError,     ///< Writes: EIO.
    kSyncFails,   ///< Writes are taken, fsync and fdatasync: EIO.
    kReadOnly,    ///< Everything that changes the disk: EROFS.
  };
  static void Set(Kind kind, std::string part);
  static void Clear() { Set(Kind::kNone, ""); }
  /// Calls that failed since Set.
  [[nodiscard]] static int failed();
};

}  // namespace henb::keydist::test
