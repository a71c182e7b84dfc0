// The verdict file as it is now.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "henb-x2sec/revocation/verdicts.h"

namespace henb::x2sec::ocspd {

/// Looks at the file before every answer and reads it when it has changed. One thread.
class VerdictSource {
 public:
  explicit VerdictSource(std::string path) : path_(std::move(path)) {}

  /// Without a file: good. x2secd writes one before it gives pluto its first connection, so until then every
  /// certificate is somebody else's. With a file that cannot be read: unknown for all, with an alarm.
  [[nodiscard]] revocation::Verdict Judge(const revocation::Subject& subject, absl::Time now);
  /// revocation::IsAwaited by the file as it is now.
  [[nodiscard]] bool IsAwaited(const revocation::Subject& subject, absl::Time now);

 private:
  struct Seen {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  void Refresh();
  std::string path_;
  std::optional<Seen> seen_;
  std::optional<revocation::Verdicts> verdicts_;
  bool unreadable_ = false;
};

}  // namespace henb::x2sec::ocspd
