#include "keydist-server/service/epoch_keeper.h"

#include <algorithm>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::service {
namespace {

constexpr int kMostConflicts = 4;  ///< With a change of the KEK.

std::vector<domain::EpochMark> MarksOf(const std::vector<store::StoredEpoch>& stored) {
  std::vector<domain::EpochMark> marks;
  marks.reserve(stored.size());
  for (const store::StoredEpoch& epoch : stored) {
    marks.push_back({.number = epoch.number, .activates = epoch.activates, .destroyed = epoch.sealed.empty()});
  }
  return marks;
}

}  // namespace

ActiveEpochs::Pick ActiveEpochs::At(absl::Time now) const {
  Pick pick;
  if (next && now >= next->span.activates) {
    pick.current = &*next;
  } else {
    if (current) pick.current = &*current;
    if (next) pick.next = &*next;
  }
  if (pick.current != nullptr && now >= pick.current->span.expires) pick.current = nullptr;
  return pick;
}

absl::Status EpochKeeper::Tick(absl::Time now, bool may_keep) {
  const std::lock_guard turn(tick_mutex_);
  absl::Status status = TickLocked(now, may_keep);
  for (int again = 0; again < kMostConflicts && absl::IsAborted(status); ++again) status = TickLocked(now, may_keep);
  const std::lock_guard lock(mutex_);
  if (!status.ok() && health_.ok()) common::LogAlarm("epoch_failed", {{"error", status}});
  health_ = status;
  return status;
}

absl::Status EpochKeeper::TickLocked(absl::Time now, bool may_keep) {
  ASSIGN_OR_RETURN_CTX(std::vector<store::StoredEpoch> stored, store_.Epochs(), "epochs");
  domain::EpochPlan plan = domain::PlanEpochs(MarksOf(stored), served_, schedule_, now);
  if (plan.create && may_keep) {
    RETURN_IF_ERROR(Create(*plan.create));
    ASSIGN_OR_RETURN_CTX(stored, store_.Epochs(), "epochs");
    plan = domain::PlanEpochs(MarksOf(stored), served_, schedule_, now);
  }
  auto active = std::make_shared<ActiveEpochs>();
  if (plan.current) {
    ASSIGN_OR_RETURN(active->current, Opened(*plan.current, stored));
    if (plan.current->number > served_) {
      common::LogInfo("epoch_current", {{"epoch", plan.current->number}});
      served_ = plan.current->number;
    }
  }
  if (plan.next) {
    ASSIGN_OR_RETURN(active->next, Opened(*plan.next, stored));
  }
  {
    const std::lock_guard lock(mutex_);
    active_ = std::move(active);
  }
  if (!may_keep) return absl::OkStatus();
  for (const std::uint64_t number : plan.destroy) {
    RETURN_IF_ERROR_CTX(store_.DestroyEpochRoot(number).status(), "destroying an epoch's root");
    common::LogInfo("epoch_root_destroyed", {{"epoch", number}});
  }
  return absl::OkStatus();
}

absl::Status EpochKeeper::Create(const domain::EpochMark& mark) {
  ASSIGN_OR_RETURN(const store::StoredKek kek, InForce());
  common::SecretBytes root(domain::kRootSize);
  random_.Fill({root.data(), root.size()});
  store::StoredEpoch epoch{
      .number = mark.number, .activates = absl::FromUnixMicros(absl::ToUnixMicros(mark.activates)), .sealed = {}};
  ASSIGN_OR_RETURN(epoch.sealed, sealer_.Seal(kek.id, mark.number, root, random_));
  const absl::Status status = store_.CreateEpoch(epoch).status();
  if (absl::IsAlreadyExists(status)) return absl::OkStatus();  // Another replica was first: its root is the one.
  if (status.ok()) {
    common::LogInfo("epoch_made", {{"epoch", mark.number}, {"activates", absl::FormatTime(mark.activates)}});
  }
  return common::WithContext(status, "making an epoch");
}

absl::StatusOr<ActiveEpochs::One> EpochKeeper::Opened(const domain::EpochSpan& span,
                                                      const std::vector<store::StoredEpoch>& stored) {
  const std::shared_ptr<const ActiveEpochs> before = active();
  for (const auto* one : {&before->current, &before->next}) {
    if (one->has_value() && (*one)->span.number == span.number) return ActiveEpochs::One{span, (*one)->keys};
  }
  const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& e) { return e.number == span.number; });
  if (found == stored.end()) return absl::DataLossError(common::StrCat("epoch ", span.number, " is not stored"));
  ASSIGN_OR_RETURN(const store::StoredKek kek, InForce());
  ASSIGN_OR_RETURN(const common::SecretBytes root, sealer_.Open(span.number, found->sealed));
  if (!store::IsSealedUnder(kek, found->sealed)) {
    return absl::AbortedError(common::StrCat("root of epoch ", span.number, " is sealed under the KEK ",
                                             common::ToHex(domain::KekIdOf(found->sealed)), ", which is not in force; ",
                                             common::ToHex(kek.id), " is"));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const domain::EpochKeys> keys, domain::EpochKeys::FromRoot(span.number, root));
  return ActiveEpochs::One{span, std::move(keys)};
}

absl::Status EpochKeeper::Advance(absl::Time now, absl::Duration activate_in) {
  {
    const std::lock_guard turn(tick_mutex_);
    ASSIGN_OR_RETURN_CTX(const std::vector<store::StoredEpoch> stored, store_.Epochs(), "epochs");
    const domain::EpochPlan plan = domain::PlanEpochs(MarksOf(stored), served_, schedule_, now);
    if (plan.next) {
      return absl::FailedPreconditionError(common::StrCat("epoch ", plan.next->number,
                                                          " is announced already, active at ",
                                                          absl::FormatTime(plan.next->activates, absl::UTCTimeZone())));
    }
    const std::uint64_t highest = stored.empty() ? 0 : stored.back().number;
    absl::Status made = absl::AbortedError("");
    for (int tried = 0; tried < kMostConflicts && absl::IsAborted(made); ++tried) {
      made = Create({.number = highest + 1, .activates = now + activate_in});
    }
    RETURN_IF_ERROR(made);
  }
  return Tick(now);
}

std::shared_ptr<const ActiveEpochs> EpochKeeper::active() const {
  const std::lock_guard lock(mutex_);
  return active_;
}

absl::Status EpochKeeper::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

absl::StatusOr<std::vector<EpochKeeper::Listed>> EpochKeeper::List(absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<store::StoredEpoch> stored, store_.Epochs());
  const ActiveEpochs::Pick pick = active()->At(now);
  std::vector<Listed> listed;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    domain::EpochSpan span{.number = stored[i].number, .activates = stored[i].activates, .ends = {}, .expires = {}};
    span.ends = i + 1 < stored.size() ? stored[i + 1].activates : span.activates + schedule_.length;
    span.expires = span.ends + schedule_.grace;
    std::string_view state = "GRACE";
    if (stored[i].sealed.empty()) state = "DESTROYED";
    if (pick.current != nullptr && pick.current->span.number == span.number) state = "CURRENT";
    if (now < span.activates) state = "NEXT";
    listed.push_back({span, state});
  }
  return listed;
}

}  // namespace henb::keydist::service
