// x2secd's parts, made once, in the order in which they need each other.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/adapters.h"
#include "henb-x2sec/app/backhaul/backhaul_mover.h"
#include "henb-x2sec/app/credentials/certificate_succession.h"
#include "henb-x2sec/app/credentials/credential_importer.h"
#include "henb-x2sec/app/credentials/cross_certificates.h"
#include "henb-x2sec/app/credentials/key_watch.h"
#include "henb-x2sec/app/credentials/provisioner.h"
#include "henb-x2sec/app/enrolment/enrolment.h"
#include "henb-x2sec/app/enrolment/initial_ipsec.h"
#include "henb-x2sec/app/enrolment/renewal_watch.h"
#include "henb-x2sec/app/keys/key_distribution.h"
#include "henb-x2sec/app/links/health.h"
#include "henb-x2sec/app/links/key_changes.h"
#include "henb-x2sec/app/links/links.h"
#include "henb-x2sec/app/links/neighbour_store.h"
#include "henb-x2sec/app/links/prober.h"
#include "henb-x2sec/app/links/reqid_store.h"
#include "henb-x2sec/app/links/system_mirror.h"
#include "henb-x2sec/app/revocation/revocation_watch.h"
#include "policy/policy_store.h"
#include "policy/provisioning_store.h"

namespace henb::x2sec::app {

/// What the parts report to whoever put them together. Called on the loop.
struct DaemonHooks {
  std::function<void(bool running)> pluto_changed;
  std::function<void()> enrolled;  ///< A new operator certificate is installed.
  std::function<void()> links_changed;
  std::function<void()> provisioned;  ///< Operator, roots, terms, SEGs or policy may be others now.
  std::function<void()> token_back;   ///< KeyWatch::Parts::back.
};

/// Owns every part; the destructor ends what their threads do first. Members in order of making: each may borrow those
/// above it. Loop thread.
struct DaemonParts {
  explicit DaemonParts(Config c) : config(std::move(c)), loop(clock) {}
  ~DaemonParts();
  DaemonParts(const DaemonParts&) = delete;
  DaemonParts& operator=(const DaemonParts&) = delete;

  /// Files and adapters, before any thread of ours. The error names the part that cannot be had; a damaged policy is
  /// an alarm only.
  [[nodiscard]] absl::Status OpenStores();
  /// The rest. Nothing runs yet.
  void Make(DaemonHooks hooks);
  /// The policy's, where there is one; before that the provisioning data's.
  [[nodiscard]] std::optional<policy::Enrolment> EnrolmentTerms() const;

  Config config;
  common::SystemClock clock;
  common::SystemRandom random;
  common::EventLoop loop;
  Adapters adapters;
  std::optional<NeighbourStore> neighbours;
  std::optional<ReqidStore> reqids;
  std::optional<policy::ProvisioningStore> provisioning;
  std::optional<Credentials> credentials;
  std::optional<policy::PolicyStore> policy;

  std::unique_ptr<common::Worker> ike_worker;
  std::unique_ptr<common::Worker> guard_worker;
  std::unique_ptr<common::Worker> initiate_worker;
  std::unique_ptr<common::Worker> enrol_worker;
  std::unique_ptr<common::Worker> keydist_worker;
  std::unique_ptr<common::Worker> revocation_worker;
  std::optional<HealthMonitor> health;
  std::unique_ptr<Prober> prober;
  std::unique_ptr<SystemMirror> mirror;
  std::unique_ptr<KeyChanges> key_changes;
  std::unique_ptr<Provisioner> provisioner;
  std::unique_ptr<InitialIpsec> initial_ipsec;
  std::unique_ptr<Enrolment> enrolment;
  std::unique_ptr<KeyDistribution> keys;
  std::unique_ptr<RevocationWatch> revocation;
  std::unique_ptr<CrossCertificates> cross_certificates;
  std::unique_ptr<KeyWatch> key_watch;
  std::optional<CredentialImporter> credential_importer;  ///< None when IPsec is left out or off.
  std::unique_ptr<BackhaulMover> backhaul;                ///< None where it is not to be moved, or without IPsec.
  std::unique_ptr<Links> links;
  std::unique_ptr<CertificateSuccession> succession;
  std::unique_ptr<RenewalWatch> renewal;

 private:
  void MakeMirror(std::function<void(bool running)> pluto_changed);
  void MakeInitialIpsec();
  void MakeBackhaul();
  void MakeKeyChanges();
  void OpenInitialIpsec(std::function<void(absl::Status)> done);
  void AddEnrolment(core::Desired& desired);
  [[nodiscard]] std::vector<EnrolmentSeg> EnrolmentSegs() const;
  [[nodiscard]] absl::StatusOr<std::shared_ptr<const policy::AcceptedProvisioning>> LoadProvisioning();
  void MakeEnrolment(std::function<void()> enrolled);
  void MakeKeyDistribution();
  void MakeSuccession();
  void MakeRevocation(std::function<void()> token_back);
  [[nodiscard]] std::vector<core::BackhaulOnlyService> PublishedServices() const;
};

}  // namespace henb::x2sec::app
