#include "keydist-server/ctl/audit_check.h"

#include <algorithm>
#include <filesystem>

#include "common/file.h"
#include "common/status.h"
#include "keydist-server/ctl/line_reader.h"
#include "keydist-server/domain/audit_parts.h"

namespace henb::keydist::ctl {
namespace {

/// Goes through the signed heads beside the chain: both are in the same order, so one of each is in memory.
class HeadsBeside {
 public:
  static absl::StatusOr<HeadsBeside> Open(const AuditCheckOptions& options) {
    const absl::StatusOr<std::string> pem = common::ReadFile(options.heads_key);
    if (!pem.ok()) return absl::InvalidArgumentError(pem.status().message());
    ASSIGN_OR_RETURN_CTX(domain::AuditHeadVerifier verifier, domain::AuditHeadVerifier::FromPem(*pem),
                         options.heads_key);
    ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(options.heads));
    HeadsBeside heads(options.heads, std::move(verifier), std::move(reader));
    RETURN_IF_ERROR(heads.Advance());
    if (!heads.next_) return absl::DataLossError(common::StrCat(options.heads, ": holds no head"));
    return heads;
  }

  /// Heads at `chain` must be its own. Those before the first record of a partial chain are passed over.
  absl::Status Compare(const domain::ChainHead& chain, AuditCheckResult* result) {
    while (next_ && next_->chain.sequence <= chain.sequence) {
      if (next_->chain.sequence == chain.sequence) {
        if (next_->chain.hash != chain.hash) {
          return Damage(common::StrCat("the chain's record ", chain.sequence, " is not the one that was signed"));
        }
        ++result->heads;
        result->last_head = *next_;
      }
      RETURN_IF_ERROR(Advance());
    }
    return absl::OkStatus();
  }

  /// At the end of the chain no head may be left.
  absl::Status Finish(const domain::ChainHead& chain) const {
    if (!next_) return absl::OkStatus();
    return Damage(common::StrCat("record ", next_->chain.sequence, " was signed, but the chain ends after record ",
                                 chain.sequence, ": its tail was cut"));
  }

 private:
  HeadsBeside(std::string path, domain::AuditHeadVerifier verifier, LineReader reader)
      : path_(std::move(path)), verifier_(std::move(verifier)), reader_(std::move(reader)) {}

  absl::Status Damage(std::string_view what) const {
    return absl::DataLossError(common::StrCat(path_, ":", reader_.line(), ": ", what));
  }

  absl::Status Advance() {
    const auto line = reader_.Next();
    if (!line.ok()) return common::WithContext(line.status(), common::StrCat(path_, ":", reader_.line()));
    if (!*line) {
      next_.reset();
      return absl::OkStatus();
    }
    const absl::StatusOr<domain::AuditHead> head = verifier_.Check(**line);
    if (!head.ok()) return Damage(common::ToStd(head.status().message()));
    if (next_ && head->chain.sequence < next_->chain.sequence) {
      return Damage(common::StrCat("a head of record ", head->chain.sequence, " after one of record ",
                                   next_->chain.sequence, ": the chain was begun anew or cut"));
    }
    next_ = *head;
    return absl::OkStatus();
  }

  std::string path_;
  domain::AuditHeadVerifier verifier_;
  LineReader reader_;
  std::optional<domain::AuditHead> next_;
};

absl::Status CheckFile(const std::string& path, HeadsBeside* heads, AuditCheckResult* result) {
  ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path));
  while (true) {
    const auto line = reader.Next();
    const auto place = [&] { return common::StrCat(path, ":", reader.line()); };
    if (!line.ok()) return common::WithContext(line.status(), place());
    if (!*line) return absl::OkStatus();
    if (const absl::Status taken = result->chain.Take(**line); !taken.ok()) {
      return absl::DataLossError(common::StrCat(place(), ": ", taken.message()));
    }
    if (heads != nullptr) RETURN_IF_ERROR(heads->Compare(result->chain.head(), result));
  }
}

/// A folder stands for the chain in it: its parts, then "audit.jsonl", which grows.
absl::StatusOr<std::vector<std::string>> FilesOf(const std::vector<std::string>& paths) {
  constexpr std::string_view kGrowing = "audit.jsonl";
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (name == kGrowing || domain::ParseAuditPart(kGrowing, name)) found.push_back(at->path().string());
    }
    if (error) return absl::InvalidArgumentError(common::StrCat(path, ": ", error.message()));
    if (found.empty()) return absl::InvalidArgumentError(common::StrCat(path, ": holds no audit file"));
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

absl::Status Check(const AuditCheckOptions& options, AuditCheckResult* result) {
  std::optional<HeadsBeside> heads;
  if (!options.heads.empty()) {
    ASSIGN_OR_RETURN(heads, HeadsBeside::Open(options));
    RETURN_IF_ERROR(heads->Compare({}, result));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesOf(options.files));
  result->files = files.size();
  for (const std::string& path : files) {
    RETURN_IF_ERROR(CheckFile(path, heads ? &*heads : nullptr, result));
  }
  return heads ? heads->Finish(result->chain.head()) : absl::OkStatus();
}

}  // namespace

AuditCheckResult CheckAudit(const AuditCheckOptions& options) {
  AuditCheckResult result{.status = absl::OkStatus(),
                          .chain = domain::AuditVerifier(options.partial),
                          .files = 0,
                          .heads = 0,
                          .last_head = std::nullopt};
  result.status = Check(options, &result);
  return result;
}

}  // namespace henb::keydist::ctl
