#include "keydist-server/store/audit_heads.h"

#include <algorithm>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::store {
namespace {

constexpr std::uint64_t kTail = 4096;  // A head has at most 400 octets.

}  // namespace

absl::StatusOr<std::unique_ptr<AuditHeads>> AuditHeads::Open(std::unique_ptr<AppendFile> file,
                                                             domain::AuditHeadSigner signer, Options options,
                                                             const domain::ChainHead& now) {
  std::unique_ptr<AuditHeads> heads(new AuditHeads(std::move(file), std::move(signer), std::move(options)));
  RETURN_IF_ERROR_CTX(heads->Recover(now), "signed heads");
  return heads;
}

absl::Status AuditHeads::Recover(const domain::ChainHead& now) {
  ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
  const std::uint64_t offset = size - std::min(size, kTail);
  ASSIGN_OR_RETURN(const std::string text, file_->Read(offset, static_cast<std::size_t>(size - offset)));
  const std::size_t end = text.rfind('\n');
  if (end == std::string::npos && offset > 0) return absl::DataLossError("the end of the file holds no head");
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  size_ = offset + whole;
  if (size_ < size) {
    RETURN_IF_ERROR(file_->Truncate(size_));
    common::LogWarning("audit_head_torn_end_cut", {{"octets", size - size_}});
  }
  if (whole == 0) return absl::OkStatus();
  const std::size_t before = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  const std::size_t start = before == std::string::npos ? 0 : before + 1;
  ASSIGN_OR_RETURN_CTX(const domain::AuditHead last,
                       signer_.verifier().Check(std::string_view(text).substr(start, end - start)), "last line");
  if (last.chain.sequence > now.sequence) {
    common::LogAlarm("audit_tail_cut", {{"records", now.sequence}, {"signed", last.chain.sequence}});
    tail_ = absl::DataLossError(common::StrCat("the audit log had ", now.sequence, " records at the start, ",
                                               last.chain.sequence, " were signed: its tail was cut"));
  }
  return absl::OkStatus();
}

absl::Status AuditHeads::Append(const domain::AuditHead& head) {
  ASSIGN_OR_RETURN(const std::string line, signer_.Sign(head));
  if (torn_) RETURN_IF_ERROR(file_->Truncate(size_));
  torn_ = true;
  RETURN_IF_ERROR(file_->Append(line));
  RETURN_IF_ERROR(file_->Sync());
  torn_ = false;
  size_ += line.size();
  return absl::OkStatus();
}

void AuditHeads::Tick(const domain::ChainHead& chain, absl::Time at, absl::Duration steady) {
  const bool due = chain.sequence != written_sequence_ && steady - written_at_ >= options_.every;
  if (due || failing_) Write(chain, at, steady);
}

absl::Status AuditHeads::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void AuditHeads::Write(const domain::ChainHead& chain, absl::Time at, absl::Duration steady) {
  const absl::Status status = Append({.chain = chain, .at = at, .replica = options_.replica});
  {
    const std::lock_guard lock(mutex_);
    health_ = status.ok() ? tail_ : status;
  }
  if (!status.ok()) {
    if (!failing_) common::LogAlarm("audit_head_failed", {{"error", status}});
    failing_ = true;
    return;
  }
  if (failing_) common::LogInfo("audit_head_recovered", {{"seq", chain.sequence}});
  failing_ = false;
  written_sequence_ = chain.sequence;
  written_at_ = steady;
}

}  // namespace henb::keydist::store
