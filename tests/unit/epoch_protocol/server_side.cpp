#include "tests/unit/epoch_protocol/server_side.h"

#include <algorithm>
#include <vector>

#include "keydist-server/domain/authoriser.h"
#include "keydist-server/domain/epoch.h"
#include "keydist-server/domain/henb_record.h"
#include "keydist-server/service/epoch_keeper.h"

namespace henb::epoch_protocol {
namespace {

namespace domain = keydist::domain;

const domain::EpochSchedule kSchedule{
    .length = absl::Hours(kEpochLength), .grace = absl::Hours(kGrace), .prefetch = absl::Hours(kPrefetch)};

absl::Time TimeOf(int tick) { return absl::FromUnixSeconds(1'800'000'000) + absl::Hours(tick); }
std::int8_t TickOf(absl::Time time) {
  return static_cast<std::int8_t>(absl::ToInt64Hours(time - absl::FromUnixSeconds(1'800'000'000)));
}

std::vector<domain::EpochMark> MarksOf(const Server& server) {
  std::vector<domain::EpochMark> marks;
  for (std::uint8_t number = 1; number <= server.epochs; ++number) {
    marks.push_back({number, TimeOf(server.activates[number]), number <= server.destroyed});
  }
  return marks;
}

const domain::HenbRecord& Base(int henb) {
  static const std::array<domain::HenbRecord, 2> kRecords = [] {
    std::array<domain::HenbRecord, 2> records;
    for (int i = 0; i < 2; ++i) {
      records[static_cast<std::size_t>(i)] = {.id = common::HenbId::Parse(i == 0 ? "a.example" : "b.example").value(),
                                              .anchors = {common::Sha256Digest::Of("anchor")},
                                              .state = domain::HenbState::kActive,
                                              .generation = 1,
                                              .groups = {"site"}};
    }
    return records;
  }();
  return kRecords[static_cast<std::size_t>(henb)];
}

domain::HenbRecord RecordOf(const Server& server, int henb) {
  domain::HenbRecord record = Base(henb);
  const auto i = static_cast<std::size_t>(henb);
  record.state = server.suspended[i] != 0 ? domain::HenbState::kSuspended : domain::HenbState::kActive;
  record.generation = server.generation[i];
  return record;
}

void Keep(Server* server, int henb, const domain::HenbRecord& record) {
  const auto i = static_cast<std::size_t>(henb);
  server->suspended[i] = record.state == domain::HenbState::kSuspended ? 1 : 0;
  server->generation[i] = static_cast<std::uint8_t>(record.generation);
}

keydist::service::ActiveEpochs ActiveOf(const Server& server) {
  keydist::service::ActiveEpochs active;
  if (server.current != 0) {
    const absl::Time ends = TimeOf(server.current_ends);
    active.current = {{server.current, TimeOf(server.activates[server.current]), ends, ends + kSchedule.grace},
                      nullptr};
  }
  if (server.next != 0) {
    const absl::Time ends = TimeOf(server.activates[server.next]) + kSchedule.length;
    active.next = {{server.next, TimeOf(server.activates[server.next]), ends, ends + kSchedule.grace}, nullptr};
  }
  return active;
}

}  // namespace

void ServerSide::Tick(Server* server, int now, std::string* violation) const {
  const absl::Time clock = TimeOf(now + server->offset);
  const auto plan_now = [&] {
    const std::uint64_t served = mistake_ == Mistake::kServerFollowsItsClockBack ? 0 : server->served;
    return domain::PlanEpochs(MarksOf(*server), served, kSchedule, clock);
  };
  domain::EpochPlan plan = plan_now();
  if (plan.create && plan.create->number == server->epochs + 1U && server->epochs < kMostEpochs) {
    ++server->epochs;
    server->activates[server->epochs] = TickOf(plan.create->activates);
    ++server->roots[server->epochs];
    plan = plan_now();
  }
  const std::uint8_t before = server->current;
  server->current = plan.current ? static_cast<std::uint8_t>(plan.current->number) : 0;
  server->current_ends = plan.current ? TickOf(plan.current->ends) : std::int8_t{0};
  server->next = plan.next ? static_cast<std::uint8_t>(plan.next->number) : 0;
  server->served = std::max(server->served, server->current);
  if (server->current < before) *violation = "the server went back to an older epoch";
  for (const std::uint64_t number : plan.destroy) server->destroyed = static_cast<std::uint8_t>(number);
}

void ServerSide::Restart(Server* server) const {
  if (mistake_ == Mistake::kRootMadeAgain && server->current != 0) ++server->roots[server->current];
  server->served = server->current = server->next = 0;
  server->current_ends = 0;
}

Answer ServerSide::Ask(const Server& server, int now, int caller, std::string* violation) const {
  Answer answer;
  const domain::HenbRecord self = RecordOf(server, caller);
  const domain::HenbRecord peer = RecordOf(server, 1 - caller);
  answer.destroyed = server.destroyed;
  answer.kind = AnswerKind::kDenied;
  if (domain::JudgeCaller(&self, common::Sha256Digest::Of("anchor")) != domain::CallerVerdict::kAccepted) return answer;
  const bool allowed = domain::JudgePair(self, &peer, domain::PairRule::kNone) == domain::PairVerdict::kAllowed;
  const absl::Time clock = TimeOf(now + server.offset);
  const keydist::service::ActiveEpochs active = ActiveOf(server);
  const auto pick = active.At(clock);
  if (pick.current == nullptr) return {};
  if (!allowed) return answer;
  answer.kind = AnswerKind::kKeys;
  const auto key_of = [&](const keydist::service::ActiveEpochs::One& one) {
    const auto epoch = static_cast<std::uint8_t>(one.span.number);
    const KeyPool::Meaning meaning{epoch, server.generation[0], server.generation[1]};
    HeldKey held{
        .version = {epoch, static_cast<std::uint8_t>(self.generation), static_cast<std::uint8_t>(peer.generation)},
        .key = 0,
        .activate_at = TickOf(TimeOf(0) + std::max(one.span.activates - clock, absl::ZeroDuration())),
        .expire_at = TickOf(TimeOf(0) + (one.span.expires - clock))};
    held.key = keys_.Issue(meaning, server.roots[epoch], caller, mistake_ != Mistake::kGenerationLeftOut, violation);
    return held;
  };
  answer.current = key_of(*pick.current);
  if (pick.next != nullptr) answer.next = key_of(*pick.next);
  return answer;
}

KeyPool::Meaning ServerSide::Wanted(const Server& server, int now) const {
  if (server.suspended[0] != 0 || server.suspended[1] != 0) return {};
  const keydist::service::ActiveEpochs active = ActiveOf(server);
  const auto pick = active.At(TimeOf(now + server.offset));
  if (pick.current == nullptr) return {};
  return {static_cast<std::uint8_t>(pick.current->span.number), server.generation[0], server.generation[1]};
}

void ServerSide::Rotate(Server* server, int henb) { Keep(server, henb, domain::Rotated(RecordOf(*server, henb))); }
void ServerSide::Suspend(Server* server, int henb) { Keep(server, henb, domain::Suspended(RecordOf(*server, henb))); }
void ServerSide::Resume(Server* server, int henb) { Keep(server, henb, domain::Resumed(RecordOf(*server, henb))); }

}  // namespace henb::epoch_protocol
