// Links: what the kernel and pluto say about them.
#include <algorithm>

#include "common/log.h"
#include "henb-x2sec/app/links/links.h"
#include "henb-x2sec/core/epoch_schedule.h"
#include "policy/names.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kFastLook = absl::Milliseconds(60);
constexpr absl::Duration kProbeEvery = absl::Milliseconds(250);
constexpr absl::Duration kSuccessorKnown = absl::Seconds(3);  // pluto tells of an SA within this
constexpr absl::Duration kSurplusAfter = absl::Seconds(6);

bool KernelHoldsOutbound(const core::KernelSnapshot& kernel, const core::ConnectionSpec& spec, std::uint32_t spi) {
  return std::any_of(kernel.sas.begin(), kernel.sas.end(), [&](const core::SaInfo& sa) {
    return sa.spi == spi && sa.reqid == spec.reqid && sa.destination == spec.peer_ike_address;
  });
}

bool SharesEnds(const LinkRuntime& link, const core::ConnectionSpec& spec) {
  return std::any_of(link.connections.begin(), link.connections.end(), [&](const auto& entry) {
    const core::ConnectionSpec& other = entry.second.spec;
    return other.name != spec.name && other.local_ike_address == spec.local_ike_address &&
           other.peer_ike_address == spec.peer_ike_address;
  });
}

std::string DecisionName(const policy::Decision& decision) {
  if (decision.outcome == policy::Outcome::kEnrol) return "CERT";  // the final one
  return std::string(policy::Name(decision.outcome));
}

}  // namespace

void Links::Observe() {
  // Handling a link may change what is desired and look again; each link is looked at by its identity.
  std::vector<common::HenbId> ids;
  for (const auto& [id, link] : links_) ids.push_back(id);
  bool unsettled = false;
  for (const common::HenbId& id : ids) {
    const auto it = links_.find(id);
    if (it == links_.end()) continue;
    ObserveLink(it->second);
    unsettled = unsettled || Unsettled(it->second);
  }
  if (unsettled && !fast_look_) {
    fast_look_ = parts_.loop.After(kFastLook, [this] {
      fast_look_.reset();
      parts_.mirror.CheckKernel();
    });
  }
}

void Links::ObserveLink(LinkRuntime& link) {
  const absl::Duration authenticated_before = OldestAuthentication(link);
  for (auto& [name, connection] : link.connections) ObserveConnection(link, connection);
  if (core::IsUp(link.link.state) && OldestAuthentication(link) > authenticated_before) ScheduleAge(link);
  const bool proven = ProvenNow(link);
  if (proven && (!core::IsUp(link.link.state) || link.link.goal == core::Goal::kEnrolPeer)) {
    if (link.link.goal != core::Goal::kEnrolPeer || !link.peer_enrolled) Handle(link, core::LinkEvent::kProven);
  }
  const bool anything_gone = link.link.goal == core::Goal::kTrusted
                                 ? !proven
                                 : std::any_of(link.connections.begin(), link.connections.end(),
                                               [&](const auto& e) { return Gone(e.second); });
  if (anything_gone && core::IsUp(link.link.state)) {
    link.last_error = "the kernel holds the link's SAs no more";
    Handle(link, core::LinkEvent::kLost);
  }
  RemoveSurplus(link);
  RemoveOrphans(link);
  WatchMapping(link);
}

/// Not while the kernel carries it on an SA that pluto is still being asked about.
bool Links::Gone(const ConnectionRuntime& connection) const {
  if (!connection.children.empty()) return false;
  return !connection.pin || parts_.clock.Steady() >= connection.settled_at ||
         !KernelHoldsOutbound(parts_.mirror.kernel(), connection.spec, *connection.pin);
}

/// The peer has replaced the pinned SA: every packet until pluto has answered would be refused.
void Links::FollowSuccessor(LinkRuntime& link, ConnectionRuntime& connection) {
  const core::KernelSnapshot& kernel = parts_.mirror.kernel();
  const core::ConnectionSpec& spec = connection.spec;
  if (!connection.pin || KernelHoldsOutbound(kernel, spec, *connection.pin) || SharesEnds(link, spec)) return;
  if (const auto next = core::Successor(spec, kernel)) {
    connection.settled_at = parts_.clock.Steady() + kSuccessorKnown;
    PinMoved(spec.name, *next);
  }
}

void Links::ObserveConnection(LinkRuntime& link, ConnectionRuntime& connection) {
  const core::ConnectionSpec& spec = connection.spec;
  FollowSuccessor(link, connection);
  connection.children = core::LiveChildren(spec, parts_.mirror.ike(), parts_.mirror.kernel());
  if (connection.children.empty()) {
    if (parts_.clock.Steady() >= connection.settled_at) connection.accepted = false;
    // An SA that a dead pluto left behind still carries; the pin stays on it until there is a better one.
    const bool orphan = connection.pin && KernelHoldsOutbound(parts_.mirror.kernel(), spec, *connection.pin);
    if (connection.pin && !orphan) {
      connection.pin.reset();
      PushDesired();
    }
    return;
  }
  const auto pin = core::ChoosePin(connection.children, connection.pin);
  if (pin && pin != connection.pin) {
    // Before the first pin everything was shut: nothing to lose, and the first packet needs it. A pin whose SA carries
    // is a key change's to move.
    const bool carries = connection.pin && core::FindChild(connection.children, connection.pin) != nullptr;
    if (!carries || !parts_.key_changes.Running(link.id)) PinMoved(spec.name, *pin);
  }
  const core::LiveChild* child = core::FindChild(connection.children, connection.pin);
  if (child != nullptr) NoteAuthentication(link, connection, child->ike_serial);
  const absl::Duration now = parts_.clock.Steady();
  const bool silent = child != nullptr && child->bytes_in == 0;
  if (silent && now - link.probed_at > kProbeEvery) {
    link.probed_at = now;
    parts_.prober.Probe(spec.local_address, spec.peer_address);
  }
}

void Links::NoteAuthentication(const LinkRuntime& link, ConnectionRuntime& connection, std::uint64_t ike_serial) {
  if (ike_serial == connection.authenticated_ike) return;
  connection.authenticated_ike = ike_serial;
  if (connection.spec.auth == core::IkeAuth::kCertificate) parts_.authenticated(link.id);
  const auto standing = OnExpiredKey(link) ? core::KeyStanding::kExpired : core::KeyStanding::kGood;
  const bool counts = core::AuthenticationCounts(standing) && !link.held;  // nobody's new key outlasts a hold
  if (counts || !core::IsUp(link.link.state)) connection.authenticated_at = parts_.clock.Steady();
}

/// UP only when the kernel holds the SAs of every connection; as responder only when something came in (the initiator
/// may never have accepted what we hold); not on what is about to go for its age; TRUSTED when guard and kernel both
/// let the link through.
bool Links::ProvenNow(const LinkRuntime& link) const {
  if (link.link.goal == core::Goal::kTrusted) {
    const auto& guard = parts_.mirror.guard_held();
    const auto& clear = parts_.mirror.kernel().clear_pairs;
    if (!guard || link.plan.trusted.empty()) return false;
    const bool guarded = std::all_of(link.plan.trusted.begin(), link.plan.trusted.end(),
                                     [&](const core::TrustedPeer& peer) { return guard->trusted.contains(peer); });
    const bool opened = std::all_of(link.plan.clear.begin(), link.plan.clear.end(), [&](const core::ClearPair& pair) {
      return std::find(clear.begin(), clear.end(), pair) != clear.end();
    });
    return guarded && opened;
  }
  if (link.connections.empty()) return false;
  const auto& guard = parts_.mirror.guard_held();
  const bool admitted =
      guard && std::all_of(link.plan.admitted.begin(), link.plan.admitted.end(),
                           [&](const core::AdmittedPeer& peer) { return guard->admitted.contains(peer); });
  const absl::Duration born_after = parts_.clock.Steady() - LongestAge(link);
  return admitted && std::all_of(link.connections.begin(), link.connections.end(), [&](const auto& entry) {
           const ConnectionRuntime& connection = entry.second;
           if (connection.authenticated_at <= born_after) return false;
           const core::LiveChild* child = core::FindChild(connection.children, connection.pin);
           return child != nullptr && (connection.accepted || child->bytes_in > 0);
         });
}

/// Something is about to happen that no event tells: a counter that is to move.
bool Links::Unsettled(const LinkRuntime& link) const {
  if (!core::WantsIpsec(link.link.goal)) return false;
  return std::any_of(link.connections.begin(), link.connections.end(), [&](const auto& entry) {
    const ConnectionRuntime& connection = entry.second;
    if (connection.children.empty()) return false;
    if (connection.children.back().spi_out != connection.pin) return true;
    return !core::IsUp(link.link.state) && !(link.peer_enrolled && link.link.goal == core::Goal::kEnrolPeer);
  });
}

/// R22: both ends started, or a key change died half way. The lower identity tidies up once things have been calm.
void Links::RemoveSurplus(LinkRuntime& link) {
  std::vector<std::vector<core::LiveChild>> children;
  std::vector<std::optional<std::uint32_t>> pins;
  bool surplus = false;
  for (const auto& [name, connection] : link.connections) {
    children.push_back(connection.children);
    pins.push_back(connection.pin);
    surplus = surplus || connection.children.size() > 1;
  }
  const absl::Duration now = parts_.clock.Steady();
  // The higher identity leaves it to the other end at first, not each time.
  const absl::Duration patience = link.initiator || !link.surplus_asked.empty() ? kSurplusAfter : 5 * kSurplusAfter;
  if (!surplus) link.surplus_asked.clear();
  if (!surplus || !core::IsUp(link.link.state) || parts_.key_changes.Running(link.id)) {
    link.surplus_since = absl::ZeroDuration();
    return;
  }
  if (link.surplus_since == absl::ZeroDuration()) {
    link.surplus_since = now;
    parts_.loop.After(patience + absl::Milliseconds(50), [this] { parts_.mirror.CheckPluto(); });
    return;
  }
  if (now - link.surplus_since < patience) return;
  link.surplus_since = absl::ZeroDuration();
  const std::vector<std::uint64_t> superfluous = core::Superfluous(children, pins);
  if (core::CountSurplus(superfluous, &link.surplus_asked)) {
    common::LogWarning("link.surplus_stuck", {{"neighbour", link.id.str()}});
    link.surplus_asked.clear();
    // Those that have one child only carry on: another pair of addresses has nothing to do with it (R17).
    for (const auto& [name, connection] : link.connections) {
      if (connection.children.size() > 1) parts_.mirror.Renew(name);
    }
    return parts_.mirror.CheckPluto();
  }
  for (const std::uint64_t serial : superfluous) {
    common::LogInfo("link.surplus_removed", {{"neighbour", link.id.str()}, {"state", serial}});
    parts_.mirror.DeleteState(serial);
  }
}

/// What a dead pluto left behind goes once a living child carries the link: until then it may be all there is.
void Links::RemoveOrphans(LinkRuntime& link) {
  std::vector<core::SaInfo> found;
  const bool replaced =
      core::IsUp(link.link.state) && parts_.mirror.pluto_running() && !parts_.key_changes.Running(link.id);
  for (const auto& [name, connection] : link.connections) {
    if (!replaced || core::FindChild(connection.children, connection.pin) == nullptr) continue;
    const auto orphans = core::OrphanSas(connection.spec, parts_.mirror.ike(), parts_.mirror.kernel());
    found.insert(found.end(), orphans.begin(), orphans.end());
  }
  const bool more =
      std::any_of(found.begin(), found.end(), [&](const core::SaInfo& sa) { return !link.orphans.contains(sa.spi); });
  if (more) parts_.loop.After(kSurplusAfter + absl::Milliseconds(50), [this] { parts_.mirror.CheckPluto(); });
  for (const core::SaInfo& sa : core::SeenFor(found, parts_.clock.Steady(), kSurplusAfter, &link.orphans)) {
    common::LogInfo("link.orphan_removed", {{"neighbour", link.id.str()}, {"spi", sa.spi}});
    parts_.mirror.DeleteSa(sa);
  }
}

std::vector<common::HenbId> Links::AuthenticatedUpTo(std::uint64_t newest) const {
  std::vector<common::HenbId> out;
  const std::optional<Credential>& own = parts_.credentials.operator_credential();
  for (const auto& [id, link] : links_) {
    const auto& sas = parts_.mirror.ike().ike_sas;
    const bool one =
        own && std::any_of(sas.begin(), sas.end(), [&, &link = link](const core::IkeSa& sa) {
          const auto at = link.connections.find(sa.connection);
          return sa.serial <= newest && at != link.connections.end() && at->second.spec.local_ckaid == own->ckaid;
        });
    if (one) out.push_back(id);
  }
  return out;
}

std::vector<control::LinkView> Links::Views() const {
  std::vector<control::LinkView> views;
  for (const auto& [id, link] : links_) views.push_back(ViewOf(link));
  return views;
}

control::LinkView Links::ViewOf(const LinkRuntime& link) const {
  control::LinkView view;
  view.neighbour = link.id.str();
  view.state = core::StateName(link.link.state);
  view.decision = DecisionName(link.decision);
  if (link.decision.method) view.method = std::string(policy::Name(*link.decision.method));
  if (!link.decision.rule.empty()) view.rule = link.decision.rule;
  view.reason = policy::ReasonText(link.decision.reason);
  if (!link.last_error.empty()) view.last_error = link.last_error;
  if (link.decision.policy_version != 0) view.policy_version = link.decision.policy_version;
  view.since = link.since;
  if (!core::WantsIpsec(link.link.goal)) return view;
  view.local_ike_id = parts_.config.id.str();
  view.peer_ike_id = link.id.str();
  view.reqid = static_cast<std::uint32_t>(link.reqid);
  view.quantum_safe = false;
  const KeyVersion& version = parts_.keys.StateOf(link.id).version;
  if (link.link.goal == core::Goal::kPsk && version.epoch != 0) {
    view.epoch = version.epoch;
    view.generation = version.generation_local;
  }
  if (link.connections.empty()) return view;
  const ConnectionRuntime& first = link.connections.begin()->second;
  const core::LiveChild* child = core::FindChild(first.children, first.pin);
  if (child == nullptr) return view;
  control::EspView esp{.spi_in = child->spi_in,
                       .spi_out = child->spi_out,
                       .bytes_in = child->bytes_in,
                       .bytes_out = child->bytes_out,
                       .suite = std::nullopt};
  for (const core::SaInfo& sa : parts_.mirror.kernel().sas) {
    if (sa.spi == child->spi_out && sa.reqid == link.reqid) esp.suite = sa.suite;
  }
  view.esp = std::move(esp);
  return view;
}

}  // namespace henb::x2sec::app
