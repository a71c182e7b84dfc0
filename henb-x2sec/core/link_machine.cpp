#include "henb-x2sec/core/link_machine.h"

#include <optional>

namespace henb::x2sec::core {
namespace {

using Actions = std::vector<LinkAction>;

std::optional<Goal> DecidedGoal(LinkEvent event) {
  switch (event) {
    case LinkEvent::kDecidedBlock:
      return Goal::kBlock;
    case LinkEvent::kDecidedEnrolSelf:
      return Goal::kEnrolSelf;
    case LinkEvent::kDecidedEnrolPeer:
      return Goal::kEnrolPeer;
    case LinkEvent::kDecidedCert:
      return Goal::kCert;
    case LinkEvent::kDecidedPsk:
      return Goal::kPsk;
    case LinkEvent::kDecidedTrusted:
      return Goal::kTrusted;
    default:
      return std::nullopt;
  }
}

LinkState StartOf(Goal goal) {
  switch (goal) {
    case Goal::kEnrolSelf:
    case Goal::kEnrolPeer:
      return LinkState::kEnrolling;
    case Goal::kCert:
    case Goal::kPsk:
    case Goal::kTrusted:
      return LinkState::kKeying;
    case Goal::kBlock:
      break;
  }
  return LinkState::kBlocked;
}

std::optional<LinkState> UpStateOf(Goal goal) {
  switch (goal) {
    case Goal::kCert:
      return LinkState::kUpCert;
    case Goal::kPsk:
      return LinkState::kUpPsk;
    case Goal::kTrusted:
      return LinkState::kUpTrusted;
    default:
      return std::nullopt;
  }
}

Actions WithReportDown(const Link& link, Actions actions) {
  if (IsUp(link.state)) actions.insert(actions.begin(), LinkAction::kReportDown);
  return actions;
}

LinkStep Decided(const Link& link, Goal goal) {
  if (goal == link.goal) return {link, {}};
  const Link next{StartOf(goal), goal};
  Actions actions = {LinkAction::kCancelTimers, LinkAction::kReconcile};
  if (goal == Goal::kEnrolSelf) actions.push_back(LinkAction::kRequestEnrolment);
  if (WantsIpsec(goal) || goal == Goal::kTrusted) actions.push_back(LinkAction::kBegin);
  return {next, WithReportDown(link, std::move(actions))};
}

LinkStep Restart(const Link& link, Actions actions) {
  return {Link{StartOf(link.goal), link.goal}, WithReportDown(link, std::move(actions))};
}

LinkStep Proven(const Link& link) {
  if (link.goal == Goal::kEnrolPeer) return {link, {LinkAction::kCancelTimers, LinkAction::kMarkPeerEnrolled}};
  const auto up = UpStateOf(link.goal);
  if (!up || link.state == *up) return {link, {}};
  return {Link{*up, link.goal}, {LinkAction::kCancelTimers, LinkAction::kReportUp}};
}

LinkStep AttemptFailed(const Link& link) {
  if (!WantsIpsec(link.goal) || IsUp(link.state)) return {link, {}};
  const LinkState state = link.state == LinkState::kKeying ? LinkState::kFailed : link.state;
  return {Link{state, link.goal}, {LinkAction::kReportFailure, LinkAction::kReconcile, LinkAction::kScheduleRetry}};
}

}  // namespace

LinkStep Step(const Link& link, LinkEvent event) {
  if (const auto goal = DecidedGoal(event)) return Decided(link, *goal);
  const bool wants_sas = WantsIpsec(link.goal);
  switch (event) {
    case LinkEvent::kConnectionsChanged:
      if (!wants_sas && link.goal != Goal::kTrusted) return {link, {}};
      return Restart(link, {LinkAction::kCancelTimers, LinkAction::kReconcile, LinkAction::kBegin});
    case LinkEvent::kProven:
      return Proven(link);
    case LinkEvent::kLost:
      if (!IsUp(link.state)) return {link, {}};
      return Restart(link, {LinkAction::kReconcile, LinkAction::kBegin});
    case LinkEvent::kAttemptFailed:
      return AttemptFailed(link);
    case LinkEvent::kRetryDue:
    case LinkEvent::kTakeoverDue:
      if (!wants_sas || IsUp(link.state)) return {link, {}};
      return {link, {LinkAction::kReconcile, LinkAction::kInitiate}};
    case LinkEvent::kTooOld:
      if (!wants_sas || !IsUp(link.state)) return {link, {}};
      return Restart(link, {LinkAction::kDropSas, LinkAction::kReconcile, LinkAction::kBegin});
    default:
      return {link, {}};
  }
}

bool IsUp(LinkState state) {
  return state == LinkState::kUpCert || state == LinkState::kUpPsk || state == LinkState::kUpTrusted;
}

bool WantsIpsec(Goal goal) { return goal == Goal::kEnrolPeer || goal == Goal::kCert || goal == Goal::kPsk; }

std::string_view StateName(LinkState state) {
  switch (state) {
    case LinkState::kBlocked:
      return "BLOCKED";
    case LinkState::kEnrolling:
      return "ENROLLING";
    case LinkState::kKeying:
      return "KEYING";
    case LinkState::kUpCert:
      return "UP_CERT";
    case LinkState::kUpPsk:
      return "UP_PSK";
    case LinkState::kUpTrusted:
      return "UP_TRUSTED";
    case LinkState::kFailed:
      return "FAILED";
  }
  return "BLOCKED";
}

std::string_view EventName(LinkEvent event) {
  static constexpr std::string_view kNames[] = {
      "decided_block", "decided_enrol_self", "decided_enrol_peer",  "decided_cert",
      "decided_psk",   "decided_trusted",    "connections_changed", "proven",
      "lost",          "attempt_failed",     "retry_due",           "takeover_due",
      "too_old"};
  return kNames[static_cast<std::size_t>(event)];
}

std::string_view GoalName(Goal goal) {
  static constexpr std::string_view kNames[] = {"block", "enrol_self", "enrol_peer", "cert", "psk", "trusted"};
  return kNames[static_cast<std::size_t>(goal)];
}

}  // namespace henb::x2sec::core
