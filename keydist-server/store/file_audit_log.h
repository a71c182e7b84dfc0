#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "keydist-server/store/append_file.h"
#include "keydist-server/store/audit_log.h"

namespace henb::keydist::store {

/// Audit records in a file, JSON lines in a hash chain, with group commit: whatever waits is written by one write(2)
/// and made durable by one fdatasync(2) on the log's own thread, which then calls every `done`: it must not take long.
/// A record is rendered by who appends it. Any thread.
///
/// When a write or sync fails, the file is cut back to its last durable record and all records of the group are
/// refused; the next group tries again. A torn end found at the start (power cut) is cut off: nothing that it was about
/// had left. Last() looks into the file that grows only.
class FileAuditLog final : public AuditLog {
 public:
  /// Records that may wait; one more is refused (Unavailable).
  static constexpr std::size_t kMaxWaiting = 16384;

  /// DataLoss: the last two records do not follow each other.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FileAuditLog>> Open(std::unique_ptr<AppendFile> file);
  /// Makes a part of the file, whose records are `first` to `last`, and gives the file to go on with.
  using Roll = std::function<absl::StatusOr<std::unique_ptr<AppendFile>>(std::uint64_t first, std::uint64_t last)>;
  struct Options {
    const common::Clock* clock = nullptr;     ///< Outlives the log; null: the system's.
    std::optional<domain::ChainHead> before;  ///< Where the chain stood when the file was begun; none: not known.
    Roll roll = nullptr;                      ///< Called on the log's thread. Null: one file for ever.
    std::uint64_t roll_size = 0;              ///< Octets after which the file is rolled; 0: whatever its size.
    absl::Duration roll_every = absl::InfiniteDuration();  ///< Or this long after its first record.
  };
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FileAuditLog>> Open(std::unique_ptr<AppendFile> file,
                                                                          Options options);
  /// Writes what waits, then ends.
  ~FileAuditLog() override;

  void Append(const domain::AuditRecord& record, Done done) override;
  absl::Status health() const override;
  domain::ChainHead head() const override;
  AuditStats stats() const override;
  absl::StatusOr<std::vector<std::string>> Last(std::size_t most) const override;

 private:
  struct Waiting {
    absl::Time at;
    std::size_t size;  ///< Octets of its text.
    Done done;
  };
  struct Group {
    std::vector<Waiting> records;
    std::string text;  ///< Rendered, one after the other.
  };
  FileAuditLog(std::unique_ptr<AppendFile> file, Options options);
  absl::Status RecoverAge();
  /// Rolls the file when it is due. What cannot be rolled grows on, with an alarm. The log's thread.
  void RollIfDue();
  absl::Status Recover();
  void RunCommits();
  /// One group. The lock is not held.
  absl::Status Commit(const Group& group);

  Options options_;
  const common::Clock& clock_;
  std::shared_ptr<AppendFile> file_;  ///< Exchanged with the lock.
  std::uint64_t first_sequence_ = 1;  ///< Of the file's first record. The log's thread only, as the two below.
  std::optional<absl::Time> begun_;   ///< Its time.
  bool roll_failed_ = false;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Group waiting_;
  absl::Duration first_waits_since_;  ///< The first of waiting_.
  domain::ChainHead head_;            ///< Of the last durable record.
  std::uint64_t durable_size_ = 0;    ///< Octets of the file up to there.
  bool torn_ = false;                 ///< The file may be longer than durable_size_. The log's thread only.
  std::string buffer_;                ///< The log's thread only, as committing_.
  Group committing_;
  absl::Status health_;
  bool stopping_ = false;
  std::uint64_t groups_ = 0;
  std::uint64_t refused_ = 0;
  common::LatencyHistogram latency_;

  std::thread thread_;
};

}  // namespace henb::keydist::store
