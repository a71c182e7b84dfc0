#include "henb-x2sec/ocspd/verdict_source.h"

#include <sys/stat.h>

#include <cerrno>

#include "common/file.h"
#include "common/log.h"

namespace henb::x2sec::ocspd {

using revocation::Verdict;

void VerdictSource::Refresh() {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    if (!missing && !unreadable_) common::LogAlarm("ocspd.verdicts_unreadable", {{"path", path_}});
    seen_.reset();
    verdicts_.reset();
    unreadable_ = !missing;
    return;
  }
  const Seen now{.device = info.st_dev,
                 .inode = info.st_ino,
                 .size = info.st_size,
                 .modified_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec};
  if (seen_ == now) return;
  seen_ = now;
  verdicts_.reset();
  const auto text = common::ReadFile(path_, revocation::kMostVerdictOctets);
  auto parsed = text.ok() ? revocation::ParseVerdicts(*text) : absl::StatusOr<revocation::Verdicts>(text.status());
  unreadable_ = !parsed.ok();
  if (!parsed.ok()) {
    common::LogAlarm("ocspd.verdicts_unreadable", {{"path", path_}, {"error", parsed.status()}});
    return;
  }
  verdicts_ = *std::move(parsed);
  std::size_t revoked = 0;
  for (const revocation::IssuerVerdicts& each : verdicts_->issuers) revoked += each.revoked.size();
  common::LogInfo("ocspd.verdicts_read", {{"issuers", verdicts_->issuers.size()}, {"revoked", revoked}});
}

bool VerdictSource::IsAwaited(const revocation::Subject& subject, absl::Time now) {
  Refresh();
  return verdicts_ && revocation::IsAwaited(*verdicts_, subject, now);
}

Verdict VerdictSource::Judge(const revocation::Subject& subject, absl::Time now) {
  Refresh();
  Verdict verdict = unreadable_ ? Verdict::kUnknown : Verdict::kGood;
  if (verdicts_) verdict = revocation::VerdictFor(*verdicts_, subject, now);
  if (verdict != Verdict::kGood) {
    common::LogWarning("ocspd.refused", {{"serial", subject.serial}, {"verdict", revocation::NameOf(verdict)}});
  }
  return verdict;
}

}  // namespace henb::x2sec::ocspd
