// The list of policies that were pushed, taken or refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace henb::policy {

struct HistoryEntry {
  absl::Time at;
  std::string source;         ///< "x2secctl", "oam", "provisioning"…
  std::uint64_t version = 0;  ///< 0: it was refused before it was read so far.
  std::string sha256;         ///< Of the JSON; empty likewise.
  std::string result;         ///< APPLIED, UNCHANGED or REFUSED.
  std::string detail;         ///< Why it was refused.
};

/// Adds one entry to the file (a line of JSON each); the last 100 are kept. Damaged lines are dropped. One thread at a
/// time.
[[nodiscard]] absl::Status AppendHistory(const std::string& path, const HistoryEntry& entry);
/// Oldest first; empty without a file.
[[nodiscard]] absl::StatusOr<std::vector<HistoryEntry>> ReadHistory(const std::string& path);

}  // namespace henb::policy
