#include "keydist-server/store/audit_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "common/log.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "keydist-server/domain/audit_verifier.h"

namespace henb::keydist::store {
namespace {

constexpr std::size_t kTail = 1U << 20;

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::Status Errno(const std::string& what) {
  return absl::UnavailableError(common::StrCat(what, ": ", std::strerror(errno)));
}

void SyncFolder(const std::string& path) {
  const common::UniqueFd folder(open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid()) fsync(folder.get());
}

struct Ends {
  std::string first;
  std::string last;  ///< Without newline.
};

/// The first and the last line of a file that ends with one.
absl::StatusOr<Ends> EndsOf(const std::string& path) {
  const common::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return Errno(path);
  const std::size_t size = std::min<std::size_t>(kTail, static_cast<std::size_t>(info.st_size));
  std::string head(size, '\0');
  std::string tail(size, '\0');
  const auto whole = static_cast<ssize_t>(size);
  if (pread(fd.get(), head.data(), size, 0) != whole ||
      pread(fd.get(), tail.data(), size, info.st_size - whole) != whole) {
    return Errno(path);
  }
  const std::size_t end = tail.rfind('\n');
  if (end == std::string::npos) return absl::DataLossError(common::StrCat(path, ": holds no record"));
  const std::size_t before = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
  return Ends{head.substr(0, head.find('\n')), tail.substr(before + 1, end - before - 1)};
}

absl::StatusOr<domain::ChainHead> HeadIn(const std::string& line, const std::string& path) {
  ASSIGN_OR_RETURN_CTX(const domain::ChainHead head, domain::CheckLine({}, line, /*anywhere=*/true), path);
  return head;
}

absl::StatusOr<absl::Time> TimeIn(const std::string& line, const std::string& path) {
  domain::AuditVerifier record(/*partial=*/true);
  RETURN_IF_ERROR_CTX(record.Take(line), path);
  absl::Time at;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, record.last().at, &at, &error)) {
    return absl::DataLossError(common::StrCat(path, ": ", error));
  }
  return at;
}

std::string NextOf(const std::string& path) { return path + ".next"; }

}  // namespace

absl::StatusOr<std::vector<domain::AuditPart>> AuditPartsOf(const std::string& path) {
  std::vector<domain::AuditPart> parts;
  std::error_code error;
  for (std::filesystem::directory_iterator at(FolderOf(path), error), end; !error && at != end; at.increment(error)) {
    if (auto part = domain::ParseAuditPart(NameOf(path), at->path().filename().string()))
      parts.push_back(*std::move(part));
  }
  if (error) return absl::UnavailableError(common::StrCat(FolderOf(path), ": ", error.message()));
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return parts;
}

absl::StatusOr<std::unique_ptr<AppendFile>> OpenGrowingAudit(const std::string& path) {
  // Its lock says that nobody is at it.
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, OpenAppendFile(path));
  const std::string next = NextOf(path);
  struct stat info {};
  if (stat(next.c_str(), &info) != 0) return file;
  if (info.st_size == 0) {  // It had not come to the exchange.
    if (unlink(next.c_str()) != 0) return Errno(next);
    return file;
  }
  ASSIGN_OR_RETURN(const Ends ends, EndsOf(next));
  ASSIGN_OR_RETURN(const domain::ChainHead first, HeadIn(ends.first, next));
  ASSIGN_OR_RETURN(const domain::ChainHead last, HeadIn(ends.last, next));
  const std::string part = FolderOf(path) + domain::AuditPartName(NameOf(path), first.sequence, last.sequence);
  if (rename(next.c_str(), part.c_str()) != 0) return Errno(part);
  SyncFolder(path);
  return file;
}

absl::StatusOr<std::optional<domain::ChainHead>> HeadOfNewestPart(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<domain::AuditPart> parts, AuditPartsOf(path));
  if (parts.empty()) return std::optional<domain::ChainHead>();
  const std::string newest = FolderOf(path) + parts.back().name;
  ASSIGN_OR_RETURN(const Ends ends, EndsOf(newest));
  ASSIGN_OR_RETURN(const domain::ChainHead head, HeadIn(ends.last, newest));
  if (head.sequence != parts.back().last) {
    return absl::DataLossError(common::StrCat(newest, ": ends with record ", head.sequence));
  }
  return std::optional<domain::ChainHead>(head);
}

absl::StatusOr<std::unique_ptr<AppendFile>> RollAudit(const std::string& path, std::uint64_t first,
                                                      std::uint64_t last) {
  const std::string next = NextOf(path);
  const std::string part = FolderOf(path) + domain::AuditPartName(NameOf(path), first, last);
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, OpenAppendFile(next));
  if (renameat2(AT_FDCWD, next.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) return Errno(path);
  if (rename(next.c_str(), part.c_str()) != 0) {
    absl::Status status = Errno(part);
    (void)renameat2(AT_FDCWD, next.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE);
    return status;
  }
  SyncFolder(path);
  return file;
}

absl::StatusOr<std::size_t> RemoveExportedParts(const std::string& path, const std::string& exported,
                                                const domain::AuditHeadVerifier& verifier, absl::Duration keep,
                                                absl::Time now) {
  ASSIGN_OR_RETURN(const Ends ends, EndsOf(exported));
  ASSIGN_OR_RETURN_CTX(const domain::AuditHead head, verifier.Check(ends.last), exported);
  ASSIGN_OR_RETURN(const std::vector<domain::AuditPart> parts, AuditPartsOf(path));
  std::size_t removed = 0;
  for (const domain::AuditPart& part : parts) {
    if (part.last > head.chain.sequence) break;
    const std::string file = FolderOf(path) + part.name;
    ASSIGN_OR_RETURN(const Ends lines, EndsOf(file));
    ASSIGN_OR_RETURN(const absl::Time at, TimeIn(lines.last, file));
    if (at > now - keep) break;
    if (unlink(file.c_str()) != 0) return Errno(file);
    ++removed;
    common::LogInfo("audit_part_removed", {{"file", file}, {"first", part.first}, {"last", part.last}});
  }
  if (removed > 0) SyncFolder(path);
  return removed;
}

}  // namespace henb::keydist::store
