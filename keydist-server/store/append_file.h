// A file that only grows, behind an interface so that tests can make the disk fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace henb::keydist::store {

/// One thread at a time, but Read may run beside the others.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  /// Writes all of `bytes` at the end. After an error any part of them may be there.
  [[nodiscard]] virtual absl::Status Append(std::string_view bytes) = 0;
  /// Durable (fdatasync). After an error nothing is known of what was appended since the last success.
  [[nodiscard]] virtual absl::Status Sync() = 0;
  /// Cuts to `size` octets, durably.
  [[nodiscard]] virtual absl::Status Truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> Size() const = 0;
  /// Up to `most` octets from `offset`.
  [[nodiscard]] virtual absl::StatusOr<std::string> Read(std::uint64_t offset, std::size_t most) const = 0;
};

/// Opens or creates `path` (0640) and locks it: Unavailable when another process holds it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppendFile(const std::string& path);

}  // namespace henb::keydist::store
