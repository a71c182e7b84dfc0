// EpochKeeper's side of key-encryption keys: which one is in force, and the change to another.
#include "common/log.h"
#include "common/status.h"
#include "keydist-server/service/epoch_keeper.h"

namespace henb::keydist::service {
namespace {

constexpr int kMostConflicts = 4;  ///< With other replicas.

std::vector<store::ResealedRoot> LiveRoots(const std::vector<store::StoredEpoch>& epochs) {
  std::vector<store::ResealedRoot> roots;
  for (const store::StoredEpoch& epoch : epochs) {
    if (!epoch.sealed.empty()) roots.push_back({.epoch = epoch.number, .before = epoch.sealed, .after = epoch.sealed});
  }
  return roots;
}

absl::Time ToMicros(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

}  // namespace

absl::Status EpochKeeper::PrepareKek(absl::Time now) {
  const std::lock_guard turn(tick_mutex_);
  absl::Status status = absl::AbortedError("");
  for (int tried = 0; tried < kMostConflicts && absl::IsAborted(status); ++tried) {
    ASSIGN_OR_RETURN(const std::optional<store::StoredKek> in_force, store_.KekInForce());
    if (in_force) return CheckKeks(sealer_);
    ASSIGN_OR_RETURN(const std::vector<store::StoredEpoch> epochs, store_.Epochs());
    const std::vector<store::ResealedRoot> roots = LiveRoots(epochs);
    const std::string_view sealed_by = roots.empty() ? "" : domain::KekIdOf(roots.back().before);
    const store::StoredKek kek{.id = sealed_by.empty() ? sealer_.id() : std::string(sealed_by), .since = ToMicros(now)};
    if (!sealer_.Has(kek.id)) return sealer_.Open(roots.back().epoch, roots.back().before).status();
    status = store_.SetKek(std::nullopt, kek, roots);
  }
  return common::WithContext(status, "the key-encryption key");
}

absl::StatusOr<store::StoredKek> EpochKeeper::InForce() {
  ASSIGN_OR_RETURN(std::optional<store::StoredKek> kek, store_.KekInForce());
  if (!kek) return absl::FailedPreconditionError("no key-encryption key is in force");
  return *std::move(kek);
}

absl::Status EpochKeeper::CheckKeks(const domain::RootSealer& keks) {
  ASSIGN_OR_RETURN(const store::StoredKek kek, InForce());
  if (keks.Has(kek.id)) return absl::OkStatus();
  std::string given;
  for (const auto& one : keks.keks()) {
    common::StrAppend(&given, given.empty() ? "" : ", ", common::ToHex(one->id()), " (", one->place(), ")");
  }
  return absl::FailedPreconditionError(common::StrCat(
      "the roots are sealed under the KEK ", common::ToHex(kek.id), ", in force since ",
      absl::FormatTime(absl::RFC3339_sec, kek.since, absl::UTCTimeZone()), "; what is given is ", given));
}

absl::Status EpochKeeper::UseKeks(domain::RootSealer keks) {
  const std::lock_guard turn(tick_mutex_);
  RETURN_IF_ERROR(CheckKeks(keks));
  const std::lock_guard lock(mutex_);
  sealer_ = std::move(keks);
  return absl::OkStatus();
}

domain::RootSealer EpochKeeper::keks() const {
  const std::lock_guard lock(mutex_);
  return sealer_;
}

absl::StatusOr<EpochKeeper::Rotated> EpochKeeper::RotateKek(absl::Time now) {
  const std::lock_guard turn(tick_mutex_);
  absl::Status status = absl::AbortedError("");
  for (int tried = 0; tried < kMostConflicts && absl::IsAborted(status); ++tried) {
    ASSIGN_OR_RETURN(const store::StoredKek before, InForce());
    ASSIGN_OR_RETURN(const std::vector<store::StoredEpoch> epochs, store_.Epochs());
    const store::StoredKek after =
        before.id == sealer_.id() ? before : store::StoredKek{.id = sealer_.id(), .since = ToMicros(now)};
    std::vector<store::ResealedRoot> roots = LiveRoots(epochs);
    for (store::ResealedRoot& root : roots) {
      ASSIGN_OR_RETURN(const common::SecretBytes opened, sealer_.Open(root.epoch, root.before));
      ASSIGN_OR_RETURN(root.after, sealer_.Seal(after.id, root.epoch, opened, random_));
    }
    status = store_.SetKek(before, after, roots);
    if (status.ok()) return Rotated{.from = before.id, .to = after.id, .roots = roots.size()};
  }
  return common::WithContext(status, "sealing the roots anew");
}

}  // namespace henb::keydist::service
