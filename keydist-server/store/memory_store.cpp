#include "keydist-server/store/memory_store.h"

#include "common/status.h"

namespace henb::keydist::store {

std::uint64_t MemoryStore::Tell(decltype(Change::what) what) {
  ++revision_;
  if (listener_) listener_(Change{.revision = revision_, .what = std::move(what)});
  return revision_;
}

absl::StatusOr<std::uint64_t> MemoryStore::CreateHenb(const domain::HenbRecord& record) {
  const std::lock_guard lock(mutex_);
  if (!henbs_.try_emplace(record.id, record).second) {
    return absl::AlreadyExistsError(common::StrCat(record.id.str(), " is registered already"));
  }
  return Tell(record);
}

absl::StatusOr<std::uint64_t> MemoryStore::UpdateHenb(const domain::HenbRecord& before,
                                                      const domain::HenbRecord& after) {
  const std::lock_guard lock(mutex_);
  const auto found = henbs_.find(before.id);
  if (found == henbs_.end()) return absl::NotFoundError(common::StrCat("no HeNB ", before.id.str()));
  if (found->second != before) return absl::AbortedError(common::StrCat(before.id.str(), " changed meanwhile"));
  if (before == after) return revision_;
  found->second = after;
  return Tell(after);
}

absl::StatusOr<std::optional<domain::HenbRecord>> MemoryStore::FindHenb(const common::HenbId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = henbs_.find(id);
  if (found == henbs_.end()) return std::optional<domain::HenbRecord>();
  return std::optional<domain::HenbRecord>(found->second);
}

absl::StatusOr<std::uint64_t> MemoryStore::ReadAll(const HenbVisitor& henb, const PairVisitor& pair) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, record] : henbs_) henb(record);
  for (const auto& [id, rule] : rules_) pair({id, rule});
  return revision_;
}

absl::StatusOr<std::uint64_t> MemoryStore::SetPairRule(const domain::PairId& pair, domain::PairRule rule) {
  const std::lock_guard lock(mutex_);
  const auto found = rules_.find(pair);
  const domain::PairRule before = found == rules_.end() ? domain::PairRule::kNone : found->second;
  if (before == rule) return revision_;
  if (rule == domain::PairRule::kNone) {
    rules_.erase(found);
  } else {
    rules_.insert_or_assign(pair, rule);
  }
  return Tell(PairException{pair, rule});
}

absl::StatusOr<std::uint64_t> MemoryStore::CreateEpoch(const StoredEpoch& epoch) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t highest = epochs_.empty() ? 0 : epochs_.rbegin()->first;
  if (epochs_.contains(epoch.number)) {
    return absl::AlreadyExistsError(common::StrCat("epoch ", epoch.number, " has been made"));
  }
  if (epoch.number != highest + 1) {
    return absl::FailedPreconditionError(common::StrCat("epoch ", epoch.number, " does not follow epoch ", highest));
  }
  if (kek_ && !IsSealedUnder(*kek_, epoch.sealed)) return absl::AbortedError("another KEK is in force");
  epochs_.emplace(epoch.number, epoch);
  return Tell(domain::EpochMark{.number = epoch.number, .activates = epoch.activates, .destroyed = false});
}

absl::StatusOr<std::uint64_t> MemoryStore::DestroyEpochRoot(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = epochs_.find(number);
  if (found == epochs_.end()) return absl::NotFoundError(common::StrCat("no epoch ", number));
  if (found->second.sealed.empty()) return revision_;
  found->second.sealed.clear();
  return Tell(domain::EpochMark{.number = number, .activates = found->second.activates, .destroyed = true});
}

absl::StatusOr<std::vector<StoredEpoch>> MemoryStore::Epochs() {
  const std::lock_guard lock(mutex_);
  std::vector<StoredEpoch> epochs;
  for (const auto& [number, epoch] : epochs_) epochs.push_back(epoch);
  return epochs;
}

absl::StatusOr<std::optional<StoredKek>> MemoryStore::KekInForce() {
  const std::lock_guard lock(mutex_);
  return kek_;
}

absl::Status MemoryStore::SetKek(const std::optional<StoredKek>& before, const StoredKek& after,
                                 const std::vector<ResealedRoot>& roots) {
  const std::lock_guard lock(mutex_);
  std::vector<StoredEpoch> epochs;
  for (const auto& [number, epoch] : epochs_) epochs.push_back(epoch);
  if (kek_ != before || !AreTheLiveRoots(epochs, roots)) return absl::AbortedError("changed meanwhile");
  for (const ResealedRoot& root : roots) epochs_[root.epoch].sealed = root.after;
  kek_ = after;
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> MemoryStore::Revision() {
  const std::lock_guard lock(mutex_);
  return revision_;
}

void MemoryStore::SetListener(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

}  // namespace henb::keydist::store
