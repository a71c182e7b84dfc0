#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "keydist-server/store/append_file.h"
#include "keydist-server/store/audit_log.h"

namespace henb::keydist::store {

/// Audit records in a file, JSON lines in a hash chain, with group commit: whatever waits is written by one write(2)
/// and made durable by one fdatasync(2) on the log's own thread, which then calls every `done`. Any thread.
///
/// When a write or sync fails, the file is cut back to its last durable record and all records of the group are
/// refused; the next group tries again. A torn end found at the start (power cut) is cut off: nothing that it was about
/// had left.
class FileAuditLog final : public AuditLog {
 public:
  /// Records that may wait; one more is refused (Unavailable).
  static constexpr std::size_t kMaxWaiting = 16384;

  /// DataLoss: the last two records do not follow each other.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FileAuditLog>> Open(std::unique_ptr<AppendFile> file);
  /// With another clock than the system's, for the latencies of stats(). It outlives the log.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FileAuditLog>> Open(std::unique_ptr<AppendFile> file,
                                                                          const common::Clock& clock);
  /// Writes what waits, then ends.
  ~FileAuditLog() override;

  void Append(domain::AuditRecord record, Done done) override;
  absl::Status health() const override;
  domain::ChainHead head() const override;
  AuditStats stats() const override;
  absl::StatusOr<std::vector<std::string>> Last(std::size_t most) const override;

 private:
  struct Waiting {
    domain::AuditRecord record;
    Done done;
  };
  FileAuditLog(std::unique_ptr<AppendFile> file, const common::Clock& clock) : file_(std::move(file)), clock_(clock) {}
  absl::Status Recover();
  void RunCommits();
  void RunDone();
  /// One group. The lock is not held.
  absl::Status Commit(const std::vector<Waiting>& group);

  std::unique_ptr<AppendFile> file_;
  const common::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  absl::Duration first_waits_since_;  ///< The first of waiting_.
  domain::ChainHead head_;            ///< Of the last durable record.
  std::uint64_t durable_size_ = 0;    ///< Octets of the file up to there.
  bool torn_ = false;                 ///< The file may be longer than durable_size_. The log's thread only.
  std::string buffer_;                ///< The log's thread only.
  absl::Status health_;
  bool stopping_ = false;
  std::uint64_t groups_ = 0;
  std::uint64_t refused_ = 0;
  common::LatencyHistogram latency_;

  struct Committed {
    std::vector<Waiting> group;
    absl::Status status;
  };
  std::mutex done_mutex_;
  std::condition_variable done_wake_;
  std::vector<Committed> committed_;
  bool no_more_ = false;  ///< The committing thread has ended.

  std::thread committing_;
  std::thread telling_;
};

}  // namespace henb::keydist::store
