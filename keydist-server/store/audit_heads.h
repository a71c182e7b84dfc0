// The file of signed heads beside the audit log (R51).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keydist-server/domain/audit_head.h"
#include "keydist-server/store/append_file.h"

namespace henb::keydist::store {

/// Appends a signed head when it is told to and when one is due, each durable when the call returns. A file that cannot
/// be written raises an alarm once and is tried again at the next Tick; keys go on being handed out, since the records
/// themselves are durable. One thread.
class AuditHeads {
 public:
  struct Options {
    std::string replica;  ///< domain::IsReplicaName.
    absl::Duration every = absl::Minutes(1);
  };

  /// Cuts off a torn end. Raises an alarm when `now` stands before the last head: the log's tail was cut. DataLoss: the
  /// last head is not one of this key.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AuditHeads>> Open(std::unique_ptr<AppendFile> file,
                                                                        domain::AuditHeadSigner signer, Options options,
                                                                        const domain::ChainHead& now);

  /// Writes a head when `every` has passed since the last and the chain went on, or when the last could not be written.
  void Tick(const domain::ChainHead& chain, absl::Time at, absl::Duration steady);
  /// Writes one: at start and stop.
  void Write(const domain::ChainHead& chain, absl::Time at, absl::Duration steady);
  /// OK, or why heads cannot be written, or that the log is shorter than what was signed. Any thread.
  [[nodiscard]] absl::Status health() const;

 private:
  AuditHeads(std::unique_ptr<AppendFile> file, domain::AuditHeadSigner signer, Options options)
      : file_(std::move(file)), signer_(std::move(signer)), options_(std::move(options)) {}
  absl::Status Recover(const domain::ChainHead& now);
  absl::Status Append(const domain::AuditHead& head);

  std::unique_ptr<AppendFile> file_;
  domain::AuditHeadSigner signer_;
  Options options_;
  std::uint64_t size_ = 0;  ///< Octets of whole heads.
  bool torn_ = false;       ///< The file may be longer than size_.
  bool failing_ = false;
  absl::Status tail_;  ///< Not OK for good when the log's tail was cut.
  mutable std::mutex mutex_;
  absl::Status health_;
  std::uint64_t written_sequence_ = 0;
  absl::Duration written_at_ = absl::InfiniteDuration();
};

}  // namespace henb::keydist::store
