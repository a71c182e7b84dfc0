// The port to the audit log (R51): nothing leaves before its record is durable.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/latency_histogram.h"
#include "keydist-server/domain/audit_record.h"

namespace henb::keydist::store {

/// Since the start.
struct AuditStats {
  std::uint64_t groups = 0;                      ///< Writes that became durable, each with whatever waited.
  std::uint64_t refused = 0;                     ///< Records that could not be made durable.
  std::uint64_t waiting = 0;                     ///< Records, now.
  common::LatencyHistogram::Snapshot latency{};  ///< From a group's first record to its being durable.
};

/// Implementations may be called from any thread.
class AuditLog {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  virtual ~AuditLog() = default;

  /// Reads the record and returns; `done` is called exactly once, on a thread of the log's or on the caller's: OK when
  /// the record is durable, Unavailable when it is not and never will be. Until then nothing that the record is about
  /// may leave.
  virtual void Append(const domain::AuditRecord& record, Done done) = 0;
  /// OK, or why records cannot be written.
  [[nodiscard]] virtual absl::Status health() const = 0;
  [[nodiscard]] virtual domain::ChainHead head() const = 0;
  [[nodiscard]] virtual AuditStats stats() const { return {}; }
  /// The last `most` records, oldest first, as JSON lines without newline.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> Last(std::size_t most) const = 0;
};

}  // namespace henb::keydist::store
