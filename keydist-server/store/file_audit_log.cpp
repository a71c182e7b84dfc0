#include "keydist-server/store/file_audit_log.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "common/status.h"
#include "keydist-server/domain/audit_verifier.h"

namespace henb::keydist::store {
namespace {

constexpr std::size_t kTail = 1U << 20;  // A record is at most about 17 KB: 64 peers with names of 200 octets.

const common::Clock& SystemsClock() {
  static const common::SystemClock kClock;
  return kClock;
}

/// Whole lines in the last `kTail` octets before `size`. The first may be cut unless the tail is the whole file.
struct Tail {
  std::string text;
  std::vector<std::string_view> lines;
  std::uint64_t torn = 0;  ///< Octets after the last newline.
};

absl::StatusOr<std::unique_ptr<Tail>> ReadTail(const AppendFile& file, std::uint64_t size) {
  auto tail = std::make_unique<Tail>();
  const std::uint64_t offset = size > kTail ? size - kTail : 0;
  ASSIGN_OR_RETURN(tail->text, file.Read(offset, static_cast<std::size_t>(size - offset)));
  std::string_view rest = tail->text;
  if (offset > 0) rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    tail->lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  tail->torn = rest.size();
  return tail;
}

}  // namespace

FileAuditLog::FileAuditLog(std::unique_ptr<AppendFile> file, Options options)
    : options_(std::move(options)),
      clock_(options_.clock != nullptr ? *options_.clock : SystemsClock()),
      file_(std::move(file)) {}

absl::StatusOr<std::unique_ptr<FileAuditLog>> FileAuditLog::Open(std::unique_ptr<AppendFile> file) {
  return Open(std::move(file), Options());
}

absl::StatusOr<std::unique_ptr<FileAuditLog>> FileAuditLog::Open(std::unique_ptr<AppendFile> file, Options options) {
  std::unique_ptr<FileAuditLog> log(new FileAuditLog(std::move(file), std::move(options)));
  RETURN_IF_ERROR_CTX(log->Recover(), "audit log");
  RETURN_IF_ERROR_CTX(log->RecoverAge(), "audit log");
  log->thread_ = std::thread([raw = log.get()] { raw->RunCommits(); });
  return log;
}

absl::Status FileAuditLog::Recover() {
  ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
  ASSIGN_OR_RETURN(const std::unique_ptr<Tail> tail, ReadTail(*file_, size));
  const std::size_t count = tail->lines.size();
  if (count == 0 && size > kTail) return absl::DataLossError("the end of the file holds no record");
  head_ = options_.before.value_or(domain::ChainHead());
  if (count == 1 && size <= kTail) {
    absl::StatusOr<domain::ChainHead> only = domain::CheckLine(head_, tail->lines[0]);
    // Older parts may have been removed: then nothing is known of what stood before.
    if (!only.ok() && !options_.before && options_.roll != nullptr) {
      only = domain::CheckLine({}, tail->lines[0], /*anywhere=*/true);
      if (only.ok() && only->sequence == 1) only = absl::DataLossError("record 1 has another hash than it says");
    }
    if (!only.ok()) return only.status();
    head_ = *only;
  } else if (count > 0) {
    ASSIGN_OR_RETURN(const domain::ChainHead before, domain::CheckLine({}, tail->lines[count - 2], /*anywhere=*/true));
    ASSIGN_OR_RETURN(head_, domain::CheckLine(before, tail->lines[count - 1]));
  }
  durable_size_ = size - tail->torn;
  if (tail->torn > 0) {
    RETURN_IF_ERROR(file_->Truncate(durable_size_));
    common::LogWarning("audit_torn_end_cut", {{"octets", tail->torn}, {"after", head_.sequence}});
  }
  return absl::OkStatus();
}

absl::Status FileAuditLog::RecoverAge() {
  first_sequence_ = head_.sequence + 1;
  if (durable_size_ == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string begin, file_->Read(0, kTail));
  domain::AuditVerifier record(/*partial=*/true);
  RETURN_IF_ERROR_CTX(record.Take(std::string_view(begin).substr(0, begin.find('\n'))), "first record");
  first_sequence_ = record.first().sequence;
  absl::Time at;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, record.first().at, &at, &error)) begun_ = at;
  return absl::OkStatus();
}

void FileAuditLog::RollIfDue() {
  if (options_.roll == nullptr || durable_size_ == 0 || torn_) return;
  const bool full = options_.roll_size > 0 && durable_size_ >= options_.roll_size;
  const bool old = begun_ && clock_.Now() - *begun_ >= options_.roll_every;
  if (!full && !old) return;
  absl::StatusOr<std::unique_ptr<AppendFile>> next = options_.roll(first_sequence_, head_.sequence);
  if (!next.ok()) {
    if (!std::exchange(roll_failed_, true)) common::LogAlarm("audit_not_rolled", {{"error", next.status()}});
    return;
  }
  common::LogInfo("audit_rolled", {{"first", first_sequence_}, {"last", head_.sequence}});
  roll_failed_ = false;
  first_sequence_ = head_.sequence + 1;
  begun_.reset();
  const std::lock_guard lock(mutex_);
  file_ = *std::move(next);
  durable_size_ = 0;
}

FileAuditLog::~FileAuditLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void FileAuditLog::Append(const domain::AuditRecord& record, Done done) {
  static thread_local std::string text;
  text.clear();
  domain::RenderRecord(record, &text);
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.records.size() < kMaxWaiting) {
      waiting_.text.append(text);
      waiting_.records.push_back({record.at, text.size(), std::move(done)});
      if (waiting_.records.size() == 1) {
        first_waits_since_ = clock_.Steady();
        wake_.notify_one();  // Later ones find the thread woken already.
      }
      return;
    }
    ++refused_;
  }
  done(absl::UnavailableError("the audit log is behind"));
}

void FileAuditLog::RunCommits() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.records.empty(); });
    if (waiting_.records.empty()) return;
    std::swap(committing_, waiting_);
    const absl::Duration since = first_waits_since_;
    lock.unlock();
    const absl::Status status = Commit(committing_);
    if (status.ok()) latency_.Note(clock_.Steady() - since);
    for (Waiting& waiting : committing_.records) waiting.done(status);
    committing_.records.clear();
    committing_.text.clear();
    lock.lock();
  }
}

absl::Status FileAuditLog::Commit(const Group& group) {
  RollIfDue();
  if (!begun_) begun_ = group.records.front().at;
  buffer_.clear();
  domain::ChainHead head = head_;
  std::string_view text = group.text;
  for (const Waiting& waiting : group.records) {
    head = domain::ChainRendered(head, text.substr(0, waiting.size), &buffer_);
    text.remove_prefix(waiting.size);
  }
  absl::Status status = absl::OkStatus();
  // After a failed sync the kernel may have dropped pages: nothing above the last durable record is believed.
  if (torn_) status = file_->Truncate(durable_size_);
  if (status.ok()) {
    torn_ = true;
    status = file_->Append(buffer_);
  }
  if (status.ok()) status = file_->Sync();
  if (!status.ok() && torn_ && file_->Truncate(durable_size_).ok()) torn_ = false;

  const std::lock_guard lock(mutex_);
  if (status.ok()) {
    torn_ = false;
    durable_size_ += buffer_.size();
    head_ = head;
    ++groups_;
    if (!health_.ok()) common::LogInfo("audit_recovered", {{"seq", head.sequence}});
    health_ = absl::OkStatus();
    return status;
  }
  status = absl::UnavailableError(common::StrCat("no audit record can be written: ", status.message()));
  if (health_.ok()) common::LogAlarm("audit_failed", {{"error", status}, {"refused", group.records.size()}});
  health_ = status;
  refused_ += group.records.size();
  return status;
}

absl::Status FileAuditLog::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

domain::ChainHead FileAuditLog::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

AuditStats FileAuditLog::stats() const {
  const std::lock_guard lock(mutex_);
  return {.groups = groups_, .refused = refused_, .waiting = waiting_.records.size(), .latency = latency_.Read()};
}

absl::StatusOr<std::vector<std::string>> FileAuditLog::Last(std::size_t most) const {
  std::uint64_t size = 0;
  std::shared_ptr<AppendFile> file;
  {
    const std::lock_guard lock(mutex_);
    size = durable_size_;
    file = file_;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Tail> tail, ReadTail(*file, size));
  const std::size_t count = std::min(most, tail->lines.size());
  return std::vector<std::string>(tail->lines.end() - static_cast<std::ptrdiff_t>(count), tail->lines.end());
}

}  // namespace henb::keydist::store
