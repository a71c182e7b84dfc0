// The life of one link: (link, event) → (link, actions). Pure.
#pragma once

#include <string_view>
#include <vector>

namespace henb::x2sec::core {

/// What a user sees (DESIGN 4).
enum class LinkState { kBlocked, kEnrolling, kKeying, kUpCert, kUpPsk, kUpTrusted, kFailed };
inline constexpr LinkState kLinkStates[] = {LinkState::kBlocked, LinkState::kEnrolling, LinkState::kKeying,
                                            LinkState::kUpCert,  LinkState::kUpPsk,     LinkState::kUpTrusted,
                                            LinkState::kFailed};

/// What policy decided for the neighbour.
enum class Goal { kBlock, kEnrolSelf, kEnrolPeer, kCert, kPsk, kTrusted };
inline constexpr Goal kGoals[] = {Goal::kBlock, Goal::kEnrolSelf, Goal::kEnrolPeer,
                                  Goal::kCert,  Goal::kPsk,       Goal::kTrusted};

enum class LinkEvent {
  kDecidedBlock,
  kDecidedEnrolSelf,
  kDecidedEnrolPeer,
  kDecidedCert,
  kDecidedPsk,
  kDecidedTrusted,
  kConnectionsChanged,  ///< Same goal, other addresses, credentials or suites: what is up is of the past.
  kProven,  ///< The kernel holds the SAs of every address pair and they carry; or the guard's exception is in place.
  kLost,    ///< Some of that is gone.
  kAttemptFailed,  ///< A negotiation ended without an SA.
  kRetryDue,       ///< The time set by kScheduleRetry has come.
  kTakeoverDue,    ///< The time set by kScheduleTakeover has come: the lower identity did not initiate.
  kTooOld,         ///< Last authentication is further back than max_sa_age.
};
inline constexpr LinkEvent kLinkEvents[] = {
    LinkEvent::kDecidedBlock, LinkEvent::kDecidedEnrolSelf, LinkEvent::kDecidedEnrolPeer,   LinkEvent::kDecidedCert,
    LinkEvent::kDecidedPsk,   LinkEvent::kDecidedTrusted,   LinkEvent::kConnectionsChanged, LinkEvent::kProven,
    LinkEvent::kLost,         LinkEvent::kAttemptFailed,    LinkEvent::kRetryDue,           LinkEvent::kTakeoverDue,
    LinkEvent::kTooOld};

enum class LinkAction {
  kReconcile,         ///< Make pluto, kernel and guard what the goal wants (opens nothing the goal does not want).
  kRequestEnrolment,  ///< Subscribe to the device's one enrolment procedure.
  kBegin,     ///< After reconciling: adopt SAs that are there, else initiate (lower identity) or schedule the takeover.
  kInitiate,  ///< Negotiate now.
  kScheduleRetry,  ///< With back-off and jitter.
  kCancelTimers,
  kDropSas,           ///< Delete the link's SAs; the guard stays as it is.
  kMarkPeerEnrolled,  ///< IKE with the operator certificates succeeded: that is the fact (DESIGN 3).
  kReportUp,
  kReportDown,
  kReportFailure,
};

struct Link {
  LinkState state = LinkState::kBlocked;
  Goal goal = Goal::kBlock;
  friend bool operator==(const Link&, const Link&) = default;
};

struct LinkStep {
  Link link;
  std::vector<LinkAction> actions;
  friend bool operator==(const LinkStep&, const LinkStep&) = default;
};

/// Defined for every pair. What makes no sense in a state changes nothing. A link is UP only through kProven.
[[nodiscard]] LinkStep Step(const Link& link, LinkEvent event);

[[nodiscard]] bool IsUp(LinkState state);
/// The goal wants SAs (and the guard to admit them).
[[nodiscard]] bool WantsIpsec(Goal goal);
/// "UP_CERT" and so on, as printed.
[[nodiscard]] std::string_view StateName(LinkState state);
[[nodiscard]] std::string_view EventName(LinkEvent event);
[[nodiscard]] std::string_view GoalName(Goal goal);

}  // namespace henb::x2sec::core
