// Links: what the state machine's actions do.
#include <algorithm>

#include "common/backoff.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/links/links.h"
#include "henb-x2sec/core/epoch_schedule.h"
#include "policy/names.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kNegotiation = absl::Seconds(15);  // pluto itself gives up a silent peer after 16 s
constexpr absl::Duration kSettle = absl::Seconds(3);
constexpr absl::Duration kProofAfterHold = absl::Seconds(3);
constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Seconds(30);
constexpr absl::Duration kLongestRetryForPeer = absl::Seconds(8);  // waiting for the peer's enrolment

std::optional<policy::FailureKind> KindOf(core::InitiateOutcome outcome) {
  switch (outcome) {
    case core::InitiateOutcome::kAuthenticationFailed:
    case core::InitiateOutcome::kOtherKeyKind:
      return policy::FailureKind::kAuthenticationFailed;
    case core::InitiateOutcome::kCertificateRejected:
      return policy::FailureKind::kCertificateRejected;
    case core::InitiateOutcome::kRevoked:
      return policy::FailureKind::kRevoked;
    case core::InitiateOutcome::kRevocationUnavailable:
      return policy::FailureKind::kRevocationUnavailable;
    case core::InitiateOutcome::kNoProposalChosen:
      return policy::FailureKind::kNoProposalChosen;
    case core::InitiateOutcome::kChildRefused:
      return policy::FailureKind::kChildRefused;
    case core::InitiateOutcome::kNoAnswer:
      return policy::FailureKind::kNoAnswer;
    default:
      return std::nullopt;
  }
}

}  // namespace

void Links::Handle(LinkRuntime& link, core::LinkEvent event) {
  core::LinkStep step = core::Step(link.link, event);
  const bool state_changes = step.link.state != link.link.state;
  if (state_changes) {
    common::LogInfo("link.state", {{"neighbour", link.id.str()},
                                   {"from", core::StateName(link.link.state)},
                                   {"to", core::StateName(step.link.state)},
                                   {"cause", core::EventName(event)},
                                   {"policy_version", link.decision.policy_version}});
    link.since = parts_.clock.Now();
  }
  link.link = step.link;
  for (const core::LinkAction action : step.actions) Act(link, action);
  if (state_changes) parts_.changed();
}

void Links::Act(LinkRuntime& link, core::LinkAction action) {
  switch (action) {
    case core::LinkAction::kReconcile:
      PushDesired();
      break;
    case core::LinkAction::kRequestEnrolment:
      parts_.enrolment.Request();
      break;
    case core::LinkAction::kBegin:
      Begin(link);
      break;
    case core::LinkAction::kInitiate:
      Initiate(link);
      break;
    case core::LinkAction::kScheduleRetry: {
      const bool for_peer = link.link.goal == core::Goal::kEnrolPeer;
      const absl::Duration delay =
          common::DoubledDelay(kFirstRetry, link.attempts++, for_peer ? kLongestRetryForPeer : kLongestRetry);
      // The higher identity leaves the lower one time to try first.
      const absl::Duration head_start = link.initiator ? absl::ZeroDuration() : parts_.config.takeover_after;
      Arm(link, &LinkRuntime::retry, parts_.random.Jitter(delay + head_start, 0.2), core::LinkEvent::kRetryDue);
      break;
    }
    case core::LinkAction::kCancelTimers:
      for (auto* timer : {&link.retry, &link.takeover}) Cancel(timer);
      break;
    case core::LinkAction::kDropSas:
      for (auto& [name, connection] : link.connections) parts_.mirror.Renew(name);
      break;
    case core::LinkAction::kMarkPeerEnrolled:
      link.peer_enrolled = true;
      common::LogInfo("link.peer_enrolled", {{"neighbour", link.id.str()}});
      parts_.loop.Post([this] { EvaluateAll(); });
      break;
    case core::LinkAction::kReportUp:
      link.attempts = 0;
      link.key_kind_told = false;
      link.adopting = false;
      link.last_error = OnExpiredKey(link) ? parts_.keys.StateOf(link.id).problem : "";
      ScheduleAge(link);
      common::LogInfo("link.up", {{"neighbour", link.id.str()},
                                  {"method", core::StateName(link.link.state)},
                                  {"reqid", link.reqid},
                                  {"policy_version", link.decision.policy_version}});
      break;
    case core::LinkAction::kReportDown:
      for (auto* timer : {&link.age, &link.rekey}) Cancel(timer);
      common::LogWarning("link.down", {{"neighbour", link.id.str()}});
      // What carried is gone, and nothing new can authenticate: the link is decided without its connections.
      if (OnExpiredKey(link)) parts_.loop.Post([this] { EvaluateAll(); });
      break;
    case core::LinkAction::kReportFailure:
      link.adopting = false;
      common::LogWarning("link.attempt_failed", {{"neighbour", link.id.str()}, {"error", link.last_error}});
      break;
  }
}

void Links::Begin(LinkRuntime& link) {
  if (link.link.goal == core::Goal::kTrusted || link.connections.empty()) return;
  if (link.held) {
    if (!link.adopting) parts_.loop.Post([this] { EvaluateAll(); });  // it is up no more: blocked
    return;
  }
  if (link.initiator) {
    Initiate(link);
    return;
  }
  Arm(link, &LinkRuntime::takeover, parts_.random.Jitter(parts_.config.takeover_after, 0.1),
      core::LinkEvent::kTakeoverDue);
}

void Links::Initiate(LinkRuntime& link) {
  if (!parts_.mirror.pluto_running()) {
    link.last_error = "pluto does not run";
    return;  // ConnectionReady comes when it does
  }
  for (auto& [name, connection] : link.connections) InitiateConnection(link, connection);
}

void Links::InitiateConnection(LinkRuntime& link, ConnectionRuntime& connection) {
  const std::string& name = connection.spec.name;
  // pluto makes one more child at every call, so never without need.
  if (link.held || connection.attempting) return;
  const absl::Duration settles_in = connection.settled_at - parts_.clock.Steady();
  if (settles_in > absl::ZeroDuration()) {
    // What was lost so soon after it was made is begun anew when it is known that nothing came of it.
    if (!link.retry) Arm(link, &LinkRuntime::retry, settles_in, core::LinkEvent::kRetryDue);
    return;
  }
  if (!parts_.mirror.IsReady(name) || !connection.children.empty()) return;
  connection.attempting = true;
  parts_.initiate_worker.Run([ike = parts_.ike, name] { return ike->Initiate(name, kNegotiation); },
                             [this, id = link.id, spec = connection.spec](absl::StatusOr<core::InitiateReport> report) {
                               AttemptEnded(id, spec, std::move(report));
                             });
}

void Links::AttemptEnded(const common::HenbId& id, const core::ConnectionSpec& tried,
                         absl::StatusOr<core::InitiateReport> report) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  LinkRuntime& link = it->second;
  const auto at = link.connections.find(tried.name);
  // One that has been replaced meanwhile says nothing of the one that there is now.
  if (at == link.connections.end() || !core::SameButForKey(at->second.spec, tried)) return;
  at->second.attempting = false;
  if (report.ok() && report->outcome == core::InitiateOutcome::kEstablished) {
    // Which child it is, pluto's next answer tells; with one of ours accepted, all that are there now are.
    at->second.accepted = true;
    at->second.settled_at = parts_.clock.Steady() + kSettle;
    parts_.mirror.CheckStates();
    return;
  }
  if (!at->second.children.empty() || core::IsUp(link.link.state)) return;  // the peer's attempt won
  if (report.ok() && report->outcome == core::InitiateOutcome::kOtherKeyKind && LearnKeyKind(link, tried)) return;
  link.last_error = report.ok() ? report->detail : std::string(report.status().message());
  if (report.ok() && report->outcome == core::InitiateOutcome::kAuthenticationFailed && link.decision.method) {
    // R9: IKE tells a wrong secret, a wrong identity and another method in the same words, at both ends.
    link.last_error = common::StrCat(link.last_error, " (method mismatch or wrong credentials: ours is ",
                                     policy::Name(*link.decision.method), "; does the peer's policy say the same?)");
  }
  if (report.ok()) {
    if (const auto kind = KindOf(report->outcome); kind && link.decision.method) {
      const policy::Failure failure{*link.decision.method, *kind};
      if (std::find(link.failures.begin(), link.failures.end(), failure) == link.failures.end()) {
        link.failures.push_back(failure);
        if (*kind == policy::FailureKind::kRevoked) ForgetRevokedLater(id);
      }
    }
  }
  // pluto has dropped ours since the peer's came through: its SAs are about to be seen.
  const bool peers_won = link.last_error.find("superseded") != std::string::npos;
  if (!peers_won) RenewDead(link);
  const auto goal_before = link.link.goal;
  Evaluate(link);  // a rule may list this failure
  if (link.link.goal == goal_before) Handle(link, core::LinkEvent::kAttemptFailed);
  SetNeededKeys();
  parts_.changed();
}

/// The peer proves itself by a key of the other kind, RSA or ECDSA: pluto is given that, and the attempt is made again
/// at once. What it has to prove stays the same. False: it has said so before, and the kind was not all that was wrong.
bool Links::LearnKeyKind(LinkRuntime& link, const core::ConnectionSpec& tried) {
  if (tried.local_key_is_rsa) return false;
  link.peer_key_is_rsa = !tried.peer_key_is_rsa;
  common::LogInfo("link.peer_key_kind",
                  {{"neighbour", link.id.str()}, {"kind", link.peer_key_is_rsa ? "RSA" : "ECDSA"}});
  if (std::exchange(link.key_kind_told, true)) return false;
  Evaluate(link);  // other connections: pluto is given them, and they are started when it has them
  return true;
}

/// After a failed attempt pluto would go on trying by itself; given anew, the connection only answers.
void Links::RenewDead(LinkRuntime& link) {
  for (auto& [name, connection] : link.connections) {
    if (connection.children.empty() && !connection.attempting) parts_.mirror.Renew(name);
  }
}

void Links::ConnectionReady(const std::string& name) {
  LinkRuntime* link = FindByConnection(name);
  if (link == nullptr) return;
  ConnectionRuntime& connection = link->connections.at(name);
  const bool ours = link->initiator || link->key_kind_told;
  const bool first_attempt = ours && !link->retry && !core::IsUp(link->link.state);
  if (first_attempt && core::WantsIpsec(link->link.goal)) InitiateConnection(*link, connection);
}

void Links::ConnectionRefused(const std::string& name, const absl::Status& status) {
  common::LogAlarm("pluto.add_refused", {{"connection", name}, {"error", status}});
  LinkRuntime* link = FindByConnection(name);
  if (link == nullptr) return;
  link->last_error = std::string(status.message());
  if (link->link.state == core::LinkState::kKeying || link->link.state == core::LinkState::kEnrolling) {
    Handle(*link, core::LinkEvent::kAttemptFailed);
  }
}

void Links::Cancel(std::optional<common::EventLoop::TimerId>* timer) {
  if (*timer) parts_.loop.CancelTimer(**timer);
  timer->reset();
}

void Links::Arm(LinkRuntime& link, std::optional<common::EventLoop::TimerId> LinkRuntime::*timer, absl::Duration delay,
                core::LinkEvent event) {
  Cancel(&(link.*timer));
  link.*timer = parts_.loop.After(delay, [this, id = link.id, timer, event] {
    const auto it = links_.find(id);
    if (it == links_.end()) return;
    (it->second.*timer).reset();
    Handle(it->second, event);
  });
}

/// Proof of life: max_sa_age after the last authentication, of the connection whose was the earliest, the SAs go; a key
/// change comes at half of it, at the higher identity a little later, so that as a rule one end starts.
void Links::ScheduleAge(LinkRuntime& link) {
  if (!core::WantsIpsec(link.link.goal) || link.connections.empty()) return;
  const absl::Duration most = LongestAge(link);
  if (most == absl::InfiniteDuration()) return;
  const absl::Duration age = parts_.clock.Steady() - OldestAuthentication(link);
  Arm(link, &LinkRuntime::age, std::max(most - age, absl::ZeroDuration()), core::LinkEvent::kTooOld);
  const absl::Duration change = parts_.random.Jitter(most * (link.initiator ? 0.48 : 0.6), 0.05);
  ScheduleKeyChange(link, std::max(change - age, absl::ZeroDuration()));
}

/// In place of one that is scheduled already.
void Links::ScheduleKeyChange(LinkRuntime& link, absl::Duration in) {
  Cancel(&link.rekey);
  link.rekey = parts_.loop.After(in, [this, id = link.id] {
    const auto it = links_.find(id);
    if (it == links_.end()) return;
    it->second.rekey.reset();
    StartKeyChange(id, [](const absl::Status&) {});
  });
}

/// After a hold: whether the peer is still good was not asked for as long as it lasted. The lower identity starts.
void Links::ProveSoon(LinkRuntime& link) {
  ScheduleKeyChange(link, parts_.random.Jitter(link.initiator ? kProofAfterHold : 5 * kProofAfterHold, 0.3));
}

void Links::StartKeyChange(const common::HenbId& id, std::function<void(absl::Status)> done) {
  const auto it = links_.find(id);
  if (it == links_.end()) return done(absl::NotFoundError("no such neighbour"));
  LinkRuntime& link = it->second;
  if (!core::IsUp(link.link.state) || link.connections.empty()) {
    return done(absl::FailedPreconditionError(
        common::StrCat("the link is ", core::StateName(link.link.state), ", there is no key to change")));
  }
  // A new key would be a new decision; the certificates can't be judged by this clock, or may not be used by this
  // policy.
  if (link.held) return done(absl::FailedPreconditionError(common::StrCat("no new key: ", link.last_error)));
  if (OnExpiredKey(link)) return done(absl::FailedPreconditionError(parts_.keys.StateOf(id).problem));
  std::vector<core::ConnectionSpec> specs;
  for (const auto& [name, connection] : link.connections) specs.push_back(connection.spec);
  parts_.key_changes.Start(id, specs, [this, id, done = std::move(done)](const absl::Status& status) {
    if (const auto at = links_.find(id); at != links_.end()) {
      at->second.last_error = status.ok() ? "" : common::StrCat("key change: ", status.message());
      if (!status.ok() && core::IsUp(at->second.link.state) && !at->second.rekey) {
        // Harmless while the old SA lives: again, with back-off.
        const absl::Duration delay = parts_.random.Jitter(core::KeyChangeAgainIn(at->second.attempts++), 0.3);
        ScheduleKeyChange(at->second, delay);
      }
      if (status.ok()) at->second.attempts = 0;
    }
    done(status);
    parts_.changed();
  });
}

void Links::KeyChanged(const common::HenbId& id, bool replaced) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  LinkRuntime& link = it->second;
  // Both ends were told at about the same time.
  if (const auto delay = core::KeyChangeStartsIn(core::IsUp(link.link.state), replaced, link.initiator)) {
    ScheduleKeyChange(link, parts_.random.Jitter(*delay, 0.2));
    return;
  }
  // Keys come in batches: what should be is worked out once for all of them.
  if (key_news_.empty()) parts_.loop.Post([this] { TakeKeyNews(); });
  key_news_.insert(id);
}

void Links::TakeKeyNews() {
  batching_ = true;
  for (const common::HenbId& each : std::exchange(key_news_, {})) {
    if (const auto it = links_.find(each); it != links_.end()) Evaluate(it->second);
  }
  batching_ = false;
  PushDesired();
  parts_.changed();
}

void Links::Rotate(const common::HenbId& id, std::function<void(absl::StatusOr<control::RotateReport>)> done) {
  const auto it = links_.find(id);
  if (it == links_.end()) return done(absl::NotFoundError(common::StrCat("no neighbour ", id.str())));
  const absl::Duration started = parts_.clock.Steady();
  control::RotateReport report;
  const auto pin_of = [this, id]() -> std::optional<std::uint32_t> {
    const LinkRuntime* link = Find(id);
    return link == nullptr || link->connections.empty() ? std::nullopt : link->connections.begin()->second.pin;
  };
  report.spi_out_before = pin_of();
  const auto change = [this, id, started, report, pin_of, done = std::move(done)](const absl::Status& refreshed) {
    if (!refreshed.ok()) return done(refreshed);
    StartKeyChange(id, [this, started, report, pin_of, done](const absl::Status& status) {
      if (!status.ok()) return done(status);
      control::RotateReport finished = report;
      finished.spi_out_after = pin_of();
      finished.took = parts_.clock.Steady() - started;
      done(finished);
    });
  };
  if (it->second.link.state == core::LinkState::kUpPsk) return parts_.keys.Refresh(id, change);
  change(absl::OkStatus());
}

void Links::PinMoved(const std::string& name, std::uint32_t spi) {
  LinkRuntime* link = FindByConnection(name);
  if (link == nullptr) return;
  ConnectionRuntime& connection = link->connections.at(name);
  if (connection.pin == spi) return;
  connection.pin = spi;
  const core::ConnectionSpec& spec = connection.spec;
  parts_.mirror.MovePin({.local = spec.local_address,
                         .peer = spec.peer_address,
                         .local_end = spec.local_ike_address,
                         .peer_end = spec.peer_ike_address,
                         .reqid = spec.reqid,
                         .transport_mode = spec.transport_mode,
                         .spi_out = spi});
  char text[11];
  std::snprintf(text, sizeof text, "0x%08x", spi);
  common::LogInfo("link.pin_moved", {{"neighbour", link->id.str()}, {"connection", name}, {"spi_out", text}});
  parts_.changed();
}

}  // namespace henb::x2sec::app
