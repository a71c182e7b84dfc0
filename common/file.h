// Files, read and replaced whole.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

namespace henb::common {

/// The whole file. NotFound, PermissionDenied; ResourceExhausted when it is larger than `limit` octets; the path is in
/// every message. Any thread.
[[nodiscard]] absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit = 4U << 20);
/// The same into a secret, with no copy left elsewhere.
[[nodiscard]] absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path, std::size_t limit = 64U << 10);

/// Replaces `path` as a whole: a temporary file beside it, fsync, rename, fsync of the folder. After a power cut the
/// old or the new content is there, never a mixture. `mode` is set before a byte is written.
[[nodiscard]] absl::Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode = 0600);

/// Adds `content` at the end of `path`, which must be there, and returns when it is on the disk: one fdatasync, where
/// WriteFileAtomically waits for the disk twice. After a power cut any part of `content` may be there. NotFound.
[[nodiscard]] absl::Status AppendDurably(const std::string& path, std::string_view content);

/// Creates the folder and its parents with `mode`; existing ones are left as they are.
[[nodiscard]] absl::Status MakeDirectories(const std::string& path, mode_t mode = 0755);

/// OK when `path` lies on tmpfs or ramfs (memory), FailedPrecondition when on anything that could be flash.
[[nodiscard]] absl::Status RequireMemoryFileSystem(const std::string& path);

}  // namespace henb::common
