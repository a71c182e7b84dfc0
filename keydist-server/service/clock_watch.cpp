#include "keydist-server/service/clock_watch.h"

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::service {
namespace {

using domain::ClockVerdict;

std::uint64_t NewInstance(common::Random& random) {
  std::uint64_t instance = 0;
  random.Fill({reinterpret_cast<std::uint8_t*>(&instance), sizeof instance});
  return instance;
}

constexpr absl::Duration kLookWithin = absl::Seconds(8);  // Four times kMarkEvery.

std::int64_t CalendarOf(absl::Time now, absl::Duration steady) {
  return absl::ToUnixNanos(now) - absl::ToInt64Nanoseconds(steady);
}

absl::Status StatusOf(ClockVerdict verdict) {
  switch (verdict) {
    case ClockVerdict::kAgrees:
      return absl::OkStatus();
    case ClockVerdict::kSettling:
      return absl::UnavailableError("this replica's clock is being compared with the others'");
    case ClockVerdict::kUndecided:
      return absl::UnavailableError("the replicas' clocks disagree, and no majority says which one is right");
    case ClockVerdict::kOff:
      break;
  }
  return absl::UnavailableError("this replica's clock is off: most of the others agree on another time");
}

}  // namespace

ClockWatch::ClockWatch(store::Store& store, const common::Clock& clock, common::Random& random, std::string replica)
    : name_(std::move(replica)),
      instance_(NewInstance(random)),
      store_(store),
      clock_(clock),
      clocks_(name_, instance_) {}

void ClockWatch::Tick() {
  const absl::Duration begin = clock_.Steady();
  if (begin < next_ && VerdictOn(clock_.Now()) == verdict_) return;
  next_ = begin + domain::kMarkEvery;
  const auto marks = store_.ExchangeMarks(OwnMark());
  if (!marks.ok()) return;  // Then the store does not follow either, and clocks do not go wrong by that.
  const absl::Time now = clock_.Now();
  const absl::Duration end = clock_.Steady();
  clocks_.Look(*marks, begin, end, now);
  calendar_ns_ = CalendarOf(now, end);
  shared_ = !marks->empty();
  {
    const std::lock_guard lock(mutex_);
    others_ = clocks_.others();
    looked_at_ = begin;
  }
  looked_.notify_all();
  if (clocks_.name_is_taken() && !name_is_taken_.exchange(true)) {
    common::LogAlarm("replica_name_taken", {{"replica", name_}});
  } else if (!clocks_.name_is_taken()) {
    name_is_taken_ = false;
  }
  const ClockVerdict verdict = clocks_.verdict();
  if (verdict_.exchange(verdict) == verdict) return;
  if (verdict == ClockVerdict::kAgrees) {
    common::LogInfo("replica_clock_agrees");
  } else if (verdict != ClockVerdict::kSettling) {
    common::LogAlarm("replica_clock_off", {{"error", StatusOf(verdict)}});
  }
}

domain::ReplicaMark ClockWatch::OwnMark() const {
  const std::lock_guard lock(mutex_);
  return {.name = name_, .instance = instance_, .clock = clock_.Now(), .keks = keks_};
}

void ClockWatch::SetKeks(std::vector<std::string> ids) {
  const std::lock_guard lock(mutex_);
  keks_ = std::move(ids);
}

std::vector<domain::ReplicaMark> ClockWatch::others() const {
  const std::lock_guard lock(mutex_);
  return others_;
}

absl::StatusOr<std::vector<domain::ReplicaMark>> ClockWatch::OthersNow() const {
  const absl::Duration asked = clock_.Steady();
  ASSIGN_OR_RETURN(const auto marks, store_.ExchangeMarks(OwnMark()));
  if (marks.empty()) return std::vector<domain::ReplicaMark>();  // A store that nobody shares.
  std::unique_lock lock(mutex_);
  const bool looked =
      looked_.wait_for(lock, absl::ToChronoMilliseconds(kLookWithin), [&] { return looked_at_ >= asked; });
  if (!looked) return absl::UnavailableError("nothing has been heard of the other replicas");
  return others_;
}

ClockVerdict ClockWatch::VerdictOn(absl::Time now) const {
  if (shared_) {
    const std::int64_t jumped = CalendarOf(now, clock_.Steady()) - calendar_ns_;
    if (absl::AbsDuration(absl::Nanoseconds(jumped)) > domain::kMostClocksApart / 2) return ClockVerdict::kSettling;
  }
  return verdict_;
}

absl::Status ClockWatch::MayKeepEpochs(absl::Time now) const { return StatusOf(VerdictOn(now)); }

absl::Status ClockWatch::MayIssue(absl::Time now) const {
  const ClockVerdict verdict = VerdictOn(now);
  return verdict == ClockVerdict::kUndecided ? absl::OkStatus() : StatusOf(verdict);
}

absl::Status ClockWatch::health() const {
  if (name_is_taken_) {
    return absl::FailedPreconditionError(common::StrCat("another replica calls itself ", name_, ": see audit.replica"));
  }
  return MayKeepEpochs(clock_.Now());
}

}  // namespace henb::keydist::service
