#include "henb-x2sec/app/backhaul/backhaul_mover.h"

#include <algorithm>
#include <tuple>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/credentials/own_connection.h"
#include "henb-x2sec/core/sa_view.h"

namespace henb::x2sec::app {
namespace {

using Action = core::BackhaulAction;
using Phase = core::BackhaulPhase;

constexpr absl::Duration kNegotiation = absl::Seconds(18);  // pluto itself gives up a silent peer after 16 s
constexpr absl::Duration kFastLook = absl::Milliseconds(250);
constexpr absl::Duration kSlowLook = absl::Seconds(1);
constexpr absl::Duration kOrphanKnown = absl::Seconds(6);  // pluto tells of an SA within this
constexpr double kJitter = 0.25;

/// The ends between which the kernel holds SAs of this reqid both ways: where we are, where the other is.
std::optional<std::pair<common::IpAddress, common::IpAddress>> EndsOf(
    const core::KernelSnapshot& kernel, int reqid, const std::function<bool(const common::IpAddress&)>& is_ours) {
  for (const core::SaInfo& out : kernel.sas) {
    if (out.reqid != reqid || out.spi == 0 || !is_ours(out.source)) continue;
    for (const core::SaInfo& in : kernel.sas) {
      const bool back =
          in.reqid == reqid && in.spi != 0 && in.source == out.destination && in.destination == out.source;
      if (back) return std::pair(out.source, out.destination);
    }
  }
  return std::nullopt;
}

}  // namespace

common::HenbId BackhaulId() { return *common::HenbId::Parse("backhaul.invalid"); }

absl::StatusOr<core::ConnectionSpec> BackhaulSpec(const BackhaulMoveConfig& config,
                                                  const common::IpAddress& local_to_gateway, int reqid,
                                                  const common::HenbId& self, const Credentials& credentials) {
  const std::optional<Credential>& held = credentials.operator_credential();
  if (!held || held->ckaid.empty()) return absl::FailedPreconditionError("there is no operator certificate yet");
  core::ConnectionSpec spec = OwnConnection(BackhaulId(), self, *held, reqid);
  spec.local_id_is_subject = config.by_subject;
  spec.peer_id = config.gateway.identity;
  spec.local_address = config.local;
  spec.peer_address = config.probe;
  spec.peer_network = config.network;
  spec.local_ike_address = local_to_gateway;
  spec.peer_ike_address = *config.gateway.address;
  spec.expected_ca = held->anchor.subject();
  return spec;
}

BackhaulMover::BackhaulMover(Parts parts) : parts_(std::move(parts)) {}

BackhaulMover::~BackhaulMover() {
  if (timer_) parts_.loop.CancelTimer(*timer_);
}

void BackhaulMover::Start() {
  RefreshWanted();
  const core::KernelSnapshot& kernel = parts_.mirror.kernel();
  for (const core::TunnelPin& pin : kernel.tunnel_pins) {
    if (pin.local != parts_.config.local || pin.network != parts_.config.network) continue;
    pushed_ = pin;
    if (!wanted_ || pin.reqid != parts_.new_reqid || !EndsOf(kernel, parts_.new_reqid, parts_.is_ours)) continue;
    on_new_ = true;
    move_.phase = Phase::kMoved;
    common::LogInfo("backhaul.adopted", {{"reqid", parts_.new_reqid}});
  }
  old_ends_ = EndsOf(kernel, parts_.old_reqid, parts_.is_ours);
}

/// A route that is away for a moment, a clock that is wrong: the connection stays. Only without a key it goes.
void BackhaulMover::RefreshWanted() {
  auto spec = parts_.spec();
  if (spec.ok()) {
    const auto hop = parts_.mirror.ike().next_hops.find(parts_.config.connection);
    if (hop != parts_.mirror.ike().next_hops.end()) {
      spec->next_hop = hop->second;
    } else if (wanted_) {
      spec->next_hop = wanted_->next_hop;
    }
    spec->peer_key_is_rsa = gateway_key_is_rsa_;
    wanted_ = *std::move(spec);
    missing_.clear();
    return;
  }
  missing_ = std::string(spec.status().message());
  if (absl::IsFailedPrecondition(spec.status())) wanted_.reset();
}

core::BackhaulView BackhaulMover::View() {
  const core::KernelSnapshot& kernel = parts_.mirror.kernel();
  const absl::Duration now = parts_.clock.Steady();
  core::BackhaulView view{.now = now, .wanted = wanted_.has_value()};
  const auto old_ends = EndsOf(kernel, parts_.old_reqid, parts_.is_ours);
  view.old_up = old_ends.has_value();
  if (old_ends) old_ends_ = old_ends;
  view.new_held = EndsOf(kernel, parts_.new_reqid, parts_.is_ours).has_value();
  view.changing_key = parts_.key_changes.Running(BackhaulId());
  if (!wanted_) return view;
  const core::IkeSnapshot& ike = parts_.mirror.ike();
  view.ready = parts_.mirror.pluto_running() && parts_.mirror.IsReady(wanted_->name) && parts_.may_try();
  std::uint64_t newest = 0;
  for (const core::LiveChild& child : core::LiveChildren(*wanted_, ike, kernel)) {
    const bool own = std::any_of(ike.ike_sas.begin(), ike.ike_sas.end(), [&](const core::IkeSa& sa) {
      return sa.serial == child.ike_serial && sa.connection == wanted_->name;
    });
    view.new_up = view.new_up || own;
    view.on_foreign_ike = view.on_foreign_ike || !own;
    view.bytes_in += child.bytes_in;
    if (own) newest = std::max(newest, child.ike_serial);
  }
  if (newest != 0 && newest != authenticated_ike_) {
    authenticated_ike_ = newest;
    authenticated_at_ = now;
  }
  view.age = now - authenticated_at_;
  return view;
}

/// Once there is one there always is: without a certificate the old connection alone may carry, not nothing in clear.
std::optional<core::TunnelPin> BackhaulMover::PinNow() const {
  if (!wanted_) {
    std::optional<core::TunnelPin> kept = pushed_;
    if (!kept) return kept;
    if (old_ends_) std::tie(kept->local_end, kept->peer_end) = *old_ends_;
    kept->reqid = parts_.old_reqid;
    kept->spi_out.reset();
    kept->from_any_peer = false;
    return kept;
  }
  const OldEnds ends{wanted_->local_ike_address, wanted_->peer_ike_address};
  const bool to_new = on_new_ || !old_ends_;
  return core::TunnelPin{.local = parts_.config.local,
                         .network = parts_.config.network,
                         .local_end = to_new ? ends.first : old_ends_->first,
                         .peer_end = to_new ? ends.second : old_ends_->second,
                         .reqid = to_new ? parts_.new_reqid : parts_.old_reqid,
                         .spi_out = to_new ? key_pin_ : std::nullopt,
                         .from_any_peer = both_ && old_ends_ && *old_ends_ != ends};
}

void BackhaulMover::AddTo(core::Desired& desired) const {
  desired.guard.moved_reqid = parts_.new_reqid;
  if (wanted_) desired.connections.push_back(*wanted_);
  if (const auto pin = PinNow()) desired.tunnel_pins.insert(*pin);
}

void BackhaulMover::PushIfChanged() {
  const auto pin = PinNow();
  if (pin == pushed_ && wanted_ == pushed_connection_) return;
  pushed_ = pin;
  pushed_connection_ = wanted_;
  parts_.push_desired();
}

void BackhaulMover::Look() {
  if (looking_) return;
  looking_ = true;
  RefreshWanted();
  const core::BackhaulView view = View();
  const auto& sas = parts_.mirror.kernel().sas;
  if (key_pin_ && std::none_of(sas.begin(), sas.end(), [&](const auto& sa) { return sa.spi == *key_pin_; }))
    key_pin_.reset();
  core::BackhaulStep step = core::LookAtBackhaul(move_, view);
  both_ = step.move.attempting || step.move.phase == Phase::kProving || (view.old_up && view.new_held);
  Take(std::move(step));
  RemoveOrphans();
  looking_ = false;
  LookAgain();
}

/// First where traffic goes, then all else: a probe goes the new way, and the old way is open until it is not used.
void BackhaulMover::Take(core::BackhaulStep step) {
  const Phase before = std::exchange(move_, std::move(step.move)).phase;
  for (const Action action : step.actions) {
    if (action == Action::kSwitchToNew) on_new_ = true;
    if (action == Action::kSwitchToOld) on_new_ = false;
    if (action != Action::kSwitchToOld && action != Action::kDropNew) continue;
    parts_.key_changes.Abandon(BackhaulId());
    key_pin_.reset();
  }
  PushIfChanged();
  if (move_.phase != before) common::LogDebug("backhaul.phase", {{"phase", core::PhaseName(move_.phase)}});
  for (const Action action : step.actions) Act(action);
}

void BackhaulMover::Act(Action action) {
  const absl::Duration now = parts_.clock.Steady();
  switch (action) {
    case Action::kInitiate:
      return Initiate();
    case Action::kProbe:
      return parts_.prober.Probe(parts_.config.local, parts_.config.probe);
    case Action::kDropNew:
      if (wanted_) parts_.mirror.Renew(wanted_->name);
      return parts_.mirror.CheckPluto();
    case Action::kTakeOldDown:
      return TellOld("backhaul.old_down", &core::IkeDaemon::TakeDown);
    case Action::kBringOldUp:
      return TellOld("backhaul.old_up", &core::IkeDaemon::BringUp);
    case Action::kChangeKey:
      return ChangeKey([](const absl::Status&) {});  // KeyChanges logs it
    case Action::kReportMoved:
      return common::LogInfo("backhaul.moved",
                             {{"gateway", parts_.config.gateway.identity.str()}, {"reqid", parts_.new_reqid}});
    case Action::kReportFailed:
      move_.next_try = now + parts_.random.Jitter(move_.next_try - now, kJitter);
      return common::LogAlarm("backhaul.not_moved",
                              {{"error", move_.why}, {"retry_in_s", absl::ToInt64Seconds(move_.next_try - now)}});
    case Action::kReportLost:
      return common::LogAlarm("backhaul.lost", {{"error", move_.why}});
    case Action::kSwitchToNew:
    case Action::kSwitchToOld:
      return;
  }
}

void BackhaulMover::Initiate() {
  common::LogInfo("backhaul.trying", {{"gateway", parts_.config.gateway.identity.str()},
                                      {"address", parts_.config.gateway.address->ToString()}});
  parts_.initiate_worker.Run([ike = &parts_.ike, name = wanted_->name] { return ike->Initiate(name, kNegotiation); },
                             [this, attempt = ++attempt_](const absl::StatusOr<core::InitiateReport>& report) {
                               if (attempt == attempt_) AttemptEnded(report);
                             });
}

void BackhaulMover::AttemptEnded(const absl::StatusOr<core::InitiateReport>& report) {
  std::string why;
  if (!report.ok()) why = std::string(report.status().message());
  if (report.ok() && report->outcome != core::InitiateOutcome::kEstablished)
    why = report->detail.empty() ? "pluto does not say why" : report->detail;
  if (report.ok() && report->outcome == core::InitiateOutcome::kOtherKeyKind) {
    gateway_key_is_rsa_ = !gateway_key_is_rsa_;  // the next try takes that kind
    if (wanted_) parts_.mirror.Renew(wanted_->name);
  }
  Take(core::BackhaulAttemptEnded(move_, std::move(why), parts_.clock.Steady()));
  parts_.mirror.CheckStates();
  Look();
}

void BackhaulMover::Refused(const absl::Status& why) {
  ++attempt_;
  Take(core::BackhaulAttemptEnded(move_, std::string(why.message()), parts_.clock.Steady()));
}

void BackhaulMover::TellOld(std::string_view event, absl::Status (core::IkeDaemon::*call)(const std::string&)) {
  const auto& known = parts_.mirror.ike().connections;
  if (std::find(known.begin(), known.end(), parts_.config.connection) == known.end()) {
    return common::LogAlarm("backhaul.old_not_told",
                            {{"error", common::StrCat("pluto has no connection ", parts_.config.connection)}});
  }
  common::LogInfo(event, {{"connection", parts_.config.connection}});
  parts_.ike_worker.Run([ike = &parts_.ike, call, name = parts_.config.connection] { return (ike->*call)(name); },
                        [this](const absl::Status& done) {
                          if (!done.ok()) common::LogAlarm("backhaul.old_not_told", {{"error", done}});
                          parts_.mirror.CheckPluto();
                        });
}

bool BackhaulMover::AuthenticatedUpTo(std::uint64_t serial) const {
  const auto& sas = parts_.mirror.ike().ike_sas;
  return wanted_ && std::any_of(sas.begin(), sas.end(), [&](const core::IkeSa& sa) {
           return sa.serial <= serial && sa.connection == wanted_->name;
         });
}

void BackhaulMover::ChangeKey(std::function<void(absl::Status)> done) {
  const auto children = wanted_ ? core::LiveChildren(*wanted_, parts_.mirror.ike(), parts_.mirror.kernel())
                                : std::vector<core::LiveChild>{};
  if (!moved() || children.empty()) {
    return done(absl::FailedPreconditionError("the backhaul's new connection does not carry"));
  }
  key_pin_ = children.back().spi_out;
  PushIfChanged();
  parts_.key_changes.Start(BackhaulId(), {*wanted_}, [this, done = std::move(done)](const absl::Status& status) {
    key_pin_.reset();
    PushIfChanged();
    done(status);
  });
}

void BackhaulMover::PinMoved(std::uint32_t spi_out) {
  key_pin_ = spi_out;
  PushIfChanged();
}

/// What a dead pluto left of the new connection goes once it carries nothing.
void BackhaulMover::RemoveOrphans() {
  std::vector<core::SaInfo> found;
  const bool carries = move_.phase == Phase::kMoved &&
                       (!wanted_ || core::LiveChildren(*wanted_, parts_.mirror.ike(), parts_.mirror.kernel()).empty());
  if (wanted_ && parts_.mirror.pluto_running() && !carries && !parts_.key_changes.Running(BackhaulId())) {
    found = core::OrphanSas(*wanted_, parts_.mirror.ike(), parts_.mirror.kernel());
  }
  for (const core::SaInfo& sa : core::SeenFor(found, parts_.clock.Steady(), kOrphanKnown, &orphans_)) {
    common::LogInfo("backhaul.orphan_removed", {{"spi", sa.spi}});
    parts_.mirror.DeleteSa(sa);
  }
}

void BackhaulMover::LookAgain() {
  if (timer_ || (moved() && orphans_.empty() && !move_.attempting)) return;
  const bool fast = move_.attempting || move_.phase == Phase::kProving;
  timer_ = parts_.loop.After(fast ? kFastLook : kSlowLook, [this, fast] {
    timer_.reset();
    if (fast) parts_.mirror.CheckStates();
    Look();
  });
}

std::string BackhaulMover::problem() const {
  if (moved()) return "";
  if (!move_.why.empty()) return move_.why;
  return missing_.empty() ? "it is being tried" : missing_;
}

}  // namespace henb::x2sec::app
