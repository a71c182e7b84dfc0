// All links of the daemon: decisions in, state machine, actions out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/enrolment/enrolment.h"
#include "henb-x2sec/app/keys/key_distribution.h"
#include "henb-x2sec/app/links/health.h"
#include "henb-x2sec/app/links/key_changes.h"
#include "henb-x2sec/app/links/link_runtime.h"
#include "henb-x2sec/app/links/neighbour_store.h"
#include "henb-x2sec/app/links/prober.h"
#include "henb-x2sec/app/links/reqid_store.h"
#include "henb-x2sec/app/links/system_mirror.h"
#include "henb-x2sec/control/views.h"
#include "henb-x2sec/revocation/serial_book.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

/// Owns the links. Decides each neighbour's with Decide(), runs core::Step, carries its actions out, and tells the
/// mirror what should be. Loop thread.
class Links {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    core::IkeDaemon* ike;
    common::Worker& initiate_worker;
    SystemMirror& mirror;
    KeyChanges& key_changes;
    Prober& prober;
    NeighbourStore& neighbours;
    ReqidStore& reqids;
    Credentials& credentials;
    Enrolment& enrolment;
    KeyDistribution& keys;
    HealthMonitor& health;
    std::function<const policy::Policy*()> policy;  ///< The one last applied; none before.
    std::function<std::vector<policy::AnchorNews>()> revocation_news;
    std::function<std::vector<core::BackhaulOnlyService>()> revocation_services;
    std::function<void(const common::HenbId&)> authenticated;  ///< pluto has, by a certificate.
    std::function<void(core::Desired&)> also_desired;          ///< Adds what is no link's.
    std::function<void()> changed;                             ///< Some view has changed.
  };
  explicit Links(Parts parts);

  /// Decides every link anew: policy, neighbours, facts, credentials or health have changed.
  void EvaluateAll();
  /// Failures of this neighbour are forgotten too: what they were seen under has changed.
  void FactsChanged(const common::HenbId& id);
  void ForgetFailures();
  /// The mirror has looked (Callbacks::looked).
  void Observe();
  void ConnectionReady(const std::string& connection);
  void ConnectionRefused(const std::string& connection, const absl::Status& status);
  void KeyChanged(const common::HenbId& id, bool replaced);
  void PinMoved(const std::string& connection, std::uint32_t spi);
  /// Every link that is up by certificate proves itself anew, by an IKE SA above this serial. Where the revoked
  /// certificate may be the neighbour's, or is not known, the link is shut within 5 s otherwise (R58).
  void ProveAgain(std::uint64_t newest_serial,
                  const std::function<revocation::SerialBook::Answer(const common::HenbId&)>& revoked);

  /// Fresh authentication and fresh keys under traffic; `done` with OK, or why nothing changed.
  void StartKeyChange(const common::HenbId& id, std::function<void(absl::Status)> done);
  /// Neighbours whose link has an IKE SA of the operator certificate with a serial up to `newest`.
  [[nodiscard]] std::vector<common::HenbId> AuthenticatedUpTo(std::uint64_t newest) const;
  void Rotate(const common::HenbId& id, std::function<void(absl::StatusOr<control::RotateReport>)> done);
  [[nodiscard]] std::vector<control::LinkView> Views() const;
  /// What should be has changed, by `also_desired`.
  void PushDesired();
  [[nodiscard]] const LinkRuntime* Find(const common::HenbId& id) const;
  /// Facts as Decide sees them now.
  [[nodiscard]] policy::Facts FactsOf(const common::HenbId& id) const;
  [[nodiscard]] bool AnyPsk() const;
  /// Our own addresses that links use.
  [[nodiscard]] std::vector<std::string> LocalAddresses() const;

 private:
  // links.cpp: decisions
  void Evaluate(LinkRuntime& link);
  /// `enrolled`: the operator certificate counts.
  [[nodiscard]] core::LinkPlan PlanFor(LinkRuntime& link, const policy::Decision& decision, bool enrolled);
  [[nodiscard]] std::vector<core::AddressPair> PairsOf(const common::HenbId& id) const;
  [[nodiscard]] bool Carries(const LinkRuntime& link) const;
  [[nodiscard]] bool OnExpiredKey(const LinkRuntime& link) const;
  void TakePlan(LinkRuntime& link, core::LinkPlan plan);
  void SetNeededKeys();
  // link_actions.cpp: the state machine's actions
  void Handle(LinkRuntime& link, core::LinkEvent event);
  void Act(LinkRuntime& link, core::LinkAction action);
  void Begin(LinkRuntime& link);
  void Initiate(LinkRuntime& link);
  void InitiateConnection(LinkRuntime& link, ConnectionRuntime& connection);
  void AttemptEnded(const common::HenbId& id, const core::ConnectionSpec& tried,
                    absl::StatusOr<core::InitiateReport> report);
  bool LearnKeyKind(LinkRuntime& link, const core::ConnectionSpec& tried);
  void RenewDead(LinkRuntime& link);
  void Cancel(std::optional<common::EventLoop::TimerId>* timer);
  void Arm(LinkRuntime& link, std::optional<common::EventLoop::TimerId> LinkRuntime::*timer, absl::Duration delay,
           core::LinkEvent event);
  void TakeKeyNews();
  void ScheduleAge(LinkRuntime& link);
  void ScheduleKeyChange(LinkRuntime& link, absl::Duration in);
  void ProveSoon(LinkRuntime& link);
  // link_hold.cpp: what an earlier run left up goes on while nothing new may begin
  [[nodiscard]] bool GoesOn(LinkRuntime& link, policy::Facts facts, const policy::Decision& blocked);
  // link_revocation.cpp: what revocation news means
  void Prove(const common::HenbId& id, std::uint64_t newest_serial, bool suspect);
  void ShutUnproven(const common::HenbId& id, std::uint64_t newest_serial);
  void ForgetRevokedLater(const common::HenbId& id);
  // link_mapping.cpp: a NAT box that has forgotten us
  void WatchMapping(LinkRuntime& link);
  // link_observation.cpp: what the kernel and pluto say
  void ObserveLink(LinkRuntime& link);
  void ObserveConnection(LinkRuntime& link, ConnectionRuntime& connection);
  void NoteAuthentication(const LinkRuntime& link, ConnectionRuntime& connection, std::uint64_t ike_serial);
  void FollowSuccessor(LinkRuntime& link, ConnectionRuntime& connection);
  [[nodiscard]] bool Gone(const ConnectionRuntime& connection) const;
  void RemoveSurplus(LinkRuntime& link);
  void RemoveOrphans(LinkRuntime& link);
  [[nodiscard]] bool ProvenNow(const LinkRuntime& link) const;
  [[nodiscard]] bool Unsettled(const LinkRuntime& link) const;
  [[nodiscard]] control::LinkView ViewOf(const LinkRuntime& link) const;
  LinkRuntime* FindByConnection(const std::string& connection);

  Parts parts_;
  std::map<common::HenbId, LinkRuntime> links_;
  bool batching_ = false;              ///< EvaluateAll and TakeKeyNews push what is desired once, at their end.
  std::set<common::HenbId> key_news_;  ///< Their keys came or went since the last turn of the loop.
  std::optional<common::EventLoop::TimerId> fast_look_, mapping_look_;
};

}  // namespace henb::x2sec::app
