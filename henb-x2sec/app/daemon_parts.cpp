#include "henb-x2sec/app/daemon_parts.h"

#include "common/certificate.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/enrolment/enrolment_address.h"
#include "henb-x2sec/app/links/local_address.h"

namespace henb::x2sec::app {
namespace {

constexpr int kInitiateThreads = 8;

std::string BootId() {
  const auto id = common::ReadFile("/proc/sys/kernel/random/boot_id", 64);
  return id.ok() ? id->substr(0, 36) : "";
}

}  // namespace

DaemonParts::~DaemonParts() {
  if (adapters.key_service) adapters.key_service->StopWatch();
  if (adapters.enroller) adapters.enroller->Stop();
  if (adapters.stop_fetches) adapters.stop_fetches();
  for (auto* worker :
       {&ike_worker, &guard_worker, &initiate_worker, &enrol_worker, &keydist_worker, &revocation_worker}) {
    if (*worker) (*worker)->Stop();
  }
}

absl::Status DaemonParts::OpenStores() {
  RETURN_IF_ERROR(common::MakeDirectories(config.state_dir, 0700));
  RETURN_IF_ERROR(common::MakeDirectories(config.run_dir, 0755));
  RETURN_IF_ERROR(common::RequireMemoryFileSystem(config.run_dir));
  ASSIGN_OR_RETURN(adapters, MakeAdapters(config));
  ASSIGN_OR_RETURN_CTX(auto neighbour_store, NeighbourStore::Open(config.state_dir + "/neighbours.json"), "neighbours");
  neighbours.emplace(std::move(neighbour_store));
  ASSIGN_OR_RETURN_CTX(auto reqid_store, ReqidStore::Open(config.state_dir + "/reqids.json", config.backhaul_reqid),
                       "reqids");
  reqids.emplace(std::move(reqid_store));
  ASSIGN_OR_RETURN_CTX(const auto provisioned, LoadProvisioning(), "credentials");
  ASSIGN_OR_RETURN_CTX(auto loaded, Credentials::Load(config, *adapters.certificates, RootsOf(provisioned.get())),
                       "credentials");
  credentials.emplace(std::move(loaded));
  AddEnroller(config, *credentials, clock, adapters);
  AddKeyService(config, *credentials, clock, random, adapters);
  policy.emplace(policy::PolicyStoreConfig{.directory = config.state_dir + "/policy",
                                           .device = config.id,
                                           .operator_name = config.operator_name.value_or(
                                               provisioned == nullptr ? "" : provisioned->data.operator_name),
                                           .vendor_roots = credentials->vendor_roots()},
                 &clock);
  if (const absl::Status policy_loaded = policy->Load(); !policy_loaded.ok()) {
    common::LogAlarm("policy.not_loaded", {{"error", policy_loaded}});  // everything is BLOCK until a good one comes
  }
  return absl::OkStatus();
}

/// Bad data are an alarm: the device goes on with what its configuration says.
absl::StatusOr<std::shared_ptr<const policy::AcceptedProvisioning>> DaemonParts::LoadProvisioning() {
  ASSIGN_OR_RETURN(auto vendor_roots, Credentials::ReadVendorRoots(config));
  provisioning.emplace(policy::ProvisioningStoreConfig{.directory = config.state_dir,
                                                       .device = config.id,
                                                       .operator_name = config.operator_name.value_or(""),
                                                       .vendor_roots = std::move(vendor_roots)},
                       &clock);
  const absl::Status found = provisioning->Load();
  if (!found.ok()) common::LogAlarm("provisioning.not_loaded", {{"error", found}});
  return provisioning->current();
}

void DaemonParts::Make(DaemonHooks hooks) {
  ike_worker = std::make_unique<common::Worker>(loop, 1);
  guard_worker = std::make_unique<common::Worker>(loop, 1);
  initiate_worker = std::make_unique<common::Worker>(loop, kInitiateThreads);
  enrol_worker = std::make_unique<common::Worker>(loop, 1);
  keydist_worker = std::make_unique<common::Worker>(loop, 2);
  revocation_worker = std::make_unique<common::Worker>(loop, 4);
  health.emplace(config, clock);
  prober = std::make_unique<Prober>();
  core::IkeDaemon* ike = adapters.ipsec ? adapters.ike.get() : nullptr;
  MakeMirror(std::move(hooks.pluto_changed));
  MakeKeyChanges();
  provisioner = std::make_unique<Provisioner>(Provisioner::Parts{
      *provisioning, *policy, *credentials, MakeEnvelopeOpener(config, adapters), std::move(hooks.provisioned)});
  provisioner->Resume();
  if (adapters.ipsec) {
    credential_importer.emplace(CredentialImporter::Parts{
        *ike_worker, *adapters.certificates, *adapters.ike, *credentials,
        [this] { adapters.show_to_key_service(*credentials, clock.Now()); }, [this] { links->EvaluateAll(); }});
  }
  MakeInitialIpsec();
  MakeEnrolment(std::move(hooks.enrolled));
  MakeKeyDistribution();
  MakeRevocation(std::move(hooks.token_back));
  MakeBackhaul();
  links = std::make_unique<Links>(Links::Parts{config,
                                               loop,
                                               clock,
                                               random,
                                               ike,
                                               *initiate_worker,
                                               *mirror,
                                               *key_changes,
                                               *prober,
                                               *neighbours,
                                               *reqids,
                                               *credentials,
                                               *enrolment,
                                               *keys,
                                               *health,
                                               [this] { return policy->policy(); },
                                               [this] { return revocation->News(); },
                                               [this] { return PublishedServices(); },
                                               [this](const common::HenbId& id) { revocation->Authenticated(id); },
                                               [this](core::Desired& desired) {
                                                 AddEnrolment(desired);
                                                 if (backhaul) backhaul->AddTo(desired);
                                               },
                                               std::move(hooks.links_changed)});
  MakeSuccession();
  renewal = std::make_unique<RenewalWatch>(
      RenewalWatch::Parts{clock, *credentials, *enrolment, [this] { return health->health().clock_sane; }});
}

void DaemonParts::MakeMirror(std::function<void(bool running)> pluto_changed) {
  mirror = std::make_unique<SystemMirror>(
      SystemMirror::Parts{loop, adapters.ipsec ? adapters.ike.get() : nullptr, *adapters.kernel, *adapters.guard,
                          *ike_worker, *guard_worker, config.pluto_rundir},
      SystemMirror::Callbacks{.looked =
                                  [this] {
                                    links->Observe();
                                    if (backhaul) backhaul->Look();
                                  },
                              .ready =
                                  [this](const std::string& name) {
                                    if (backhaul && backhaul->Owns(name)) return backhaul->Look();
                                    links->ConnectionReady(name);
                                  },
                              .refused =
                                  [this](const std::string& name, const absl::Status& status) {
                                    if (backhaul && backhaul->Owns(name)) return backhaul->Refused(status);
                                    links->ConnectionRefused(name, status);
                                  },
                              .pluto_changed = std::move(pluto_changed)});
}

void DaemonParts::MakeKeyChanges() {
  key_changes = std::make_unique<KeyChanges>(
      KeyChanges::Parts{loop, clock, adapters.ipsec ? adapters.ike.get() : nullptr, *mirror, *ike_worker,
                        *initiate_worker, *prober, [this](const std::string& connection, std::uint32_t spi) {
                          if (backhaul && backhaul->Owns(connection)) return backhaul->PinMoved(spi);
                          links->PinMoved(connection, spi);
                        }});
}

void DaemonParts::MakeBackhaul() {
  if (!config.backhaul_move || !config.backhaul_reqid || !adapters.ipsec) return;
  const absl::StatusOr<int> reqid = reqids->For(BackhaulId());
  if (!reqid.ok())
    return common::LogAlarm("reqid.none", {{"neighbour", BackhaulId().str()}, {"error", reqid.status()}});
  backhaul = std::make_unique<BackhaulMover>(BackhaulMover::Parts{
      .config = *config.backhaul_move,
      .old_reqid = *config.backhaul_reqid,
      .new_reqid = *reqid,
      .loop = loop,
      .clock = clock,
      .random = random,
      .ike = *adapters.ike,
      .mirror = *mirror,
      .key_changes = *key_changes,
      .prober = *prober,
      .ike_worker = *ike_worker,
      .initiate_worker = *initiate_worker,
      .spec = [this, reqid = *reqid]() -> absl::StatusOr<core::ConnectionSpec> {
        const auto route = RouteTo(*config.backhaul_move->gateway.address, "");
        if (!route.ok() && credentials->operator_credential()) return absl::UnavailableError(route.status().message());
        const common::IpAddress from = route.ok() ? route->local : common::IpAddress();
        return BackhaulSpec(*config.backhaul_move, from, reqid, config.id, *credentials);
      },
      .may_try = [this] { return credentials->Enrolled(clock.Now()); },
      .is_ours =
          [](const common::IpAddress& address) {
            const auto route = RouteTo(address, "");  // the way to an address of our own begins and ends there
            return route.ok() && route->local == address;
          },
      .push_desired = [this] { links->PushDesired(); }});
}

void DaemonParts::MakeInitialIpsec() {
  initial_ipsec = std::make_unique<InitialIpsec>(InitialIpsec::Parts{
      .loop = loop,
      .clock = clock,
      .initiate_worker = *initiate_worker,
      .ike = adapters.ipsec ? adapters.ike.get() : nullptr,
      .spec_for = [this](const EnrolmentSeg& seg,
                         const common::IpAddress& ra_ca) -> absl::StatusOr<core::ConnectionSpec> {
        ASSIGN_OR_RETURN_CTX(const LocalRoute to_seg, RouteTo(*seg.address, ""), "the SEG");
        ASSIGN_OR_RETURN_CTX(const LocalRoute to_ra_ca, RouteTo(ra_ca, ""), "the RA/CA");
        ASSIGN_OR_RETURN(const int reqid, reqids->For(InitialIpsecId()));
        return InitialIpsecSpec(seg, ra_ca, to_seg.local, to_ra_ca.local, reqid, config.id, *credentials);
      },
      .wanted_changed = [this] { links->PushDesired(); },
      .renew = [this](const std::string& connection) { mirror->Renew(connection); },
      .in_pluto = [this](const std::string& connection) { return mirror->IsReady(connection); },
      .in_kernel = [this](const core::ConnectionSpec& spec) { return HoldsBothWays(mirror->kernel(), spec); }});
}

void DaemonParts::OpenInitialIpsec(std::function<void(absl::Status)> done) {
  const auto ra_ca = InitialServiceOf(EnrolmentTerms());
  if (ra_ca) return initial_ipsec->Open(EnrolmentSegs(), ra_ca->address, std::move(done));
  loop.Post([done = std::move(done)] {
    done(absl::FailedPreconditionError("initial_ipsec.failed: server_url must name the RA/CA by its address"));
  });
}

std::optional<policy::Enrolment> DaemonParts::EnrolmentTerms() const {
  if (const policy::Policy* in_force = policy->policy()) return in_force->enrolment;
  const auto provisioned = provisioning->current();
  return provisioned == nullptr ? std::nullopt : provisioned->data.enrolment;
}

std::vector<EnrolmentSeg> DaemonParts::EnrolmentSegs() const {
  const auto provisioned = provisioning->current();
  return provisioned == nullptr || provisioned->data.segs.empty() ? config.enrolment_segs : provisioned->data.segs;
}

/// CMP by transport INITIAL_IPSEC is shut in everywhere else, also while there is no tunnel.
void DaemonParts::AddEnrolment(core::Desired& desired) {
  if (const auto service = BackhaulServiceOf(EnrolmentTerms())) desired.guard.backhaul_only.insert(*service);
  if (const auto ra_ca = InitialServiceOf(EnrolmentTerms())) {
    desired.guard.initial_only.insert(*ra_ca);
    if (const auto reqid = reqids->For(InitialIpsecId()); reqid.ok()) desired.guard.initial_reqid = *reqid;
  }
  desired.own_reqids = reqids->All();
  if (initial_ipsec->wanted()) desired.connections.push_back(*initial_ipsec->wanted());
}

void DaemonParts::MakeEnrolment(std::function<void()> enrolled) {
  enrolment = std::make_unique<Enrolment>(
      Enrolment::Parts{config, loop, clock, random, *enrol_worker, adapters.enroller.get(), *adapters.certificates,
                       *adapters.ike, *credentials, [this] { return health->health().clock_sane; },
                       [this](const std::string& ckaid) { return succession->WillReplace(ckaid); },
                       [this](std::function<void(absl::Status)> done) { OpenInitialIpsec(std::move(done)); },
                       [this] { initial_ipsec->Close(); }, std::move(enrolled), [](const absl::Status&) {},
                       [this] { return provisioner->MacSecret(); }, [this] { return provisioner->SpendMacSecret(); }});
}

void DaemonParts::MakeSuccession() {
  succession = std::make_unique<CertificateSuccession>(CertificateSuccession::Parts{
      .loop = loop,
      .clock = clock,
      .random = random,
      .ike_worker = *ike_worker,
      .ike = *adapters.ike,
      .store = *adapters.certificates,
      .credentials = *credentials,
      .path = config.state_dir + "/superseded_keys.json",
      .left_behind = [this](std::uint64_t newest) -> std::optional<std::vector<common::HenbId>> {
        if (!mirror->pluto_running()) return std::nullopt;
        std::vector<common::HenbId> left = links->AuthenticatedUpTo(newest);
        if (backhaul && backhaul->AuthenticatedUpTo(newest)) left.push_back(BackhaulId());
        return left;
      },
      .change_key =
          [this](const common::HenbId& id, std::function<void(absl::Status)> done) {
            if (id == BackhaulId()) return backhaul->ChangeKey(std::move(done));
            links->StartKeyChange(id, std::move(done));
          },
      .starts = [this](const common::HenbId& id) { return config.id < id || id == BackhaulId(); },
      .look_at_pluto = [this] { mirror->CheckStates(); },
      .note = [this](std::string step, bool ok,
                     std::string detail) { enrolment->Note(std::move(step), ok, std::move(detail)); }});
}

void DaemonParts::MakeKeyDistribution() {
  keys = std::make_unique<KeyDistribution>(KeyDistribution::Parts{
      config, loop, clock, random, *keydist_worker, adapters.key_service.get(), *adapters.secrets, *adapters.ike,
      [this] {
        core::RegisterFacts facts{
            .x2_addresses = links->LocalAddresses(), .cmpv2 = config.with_cmp, .anchors = {}, .boot_id = BootId()};
        for (const common::Certificate& root : credentials->vendor_roots()) facts.anchors.push_back(root.spki());
        return facts;
      },
      [this](const common::HenbId& id, bool replaced) { links->KeyChanged(id, replaced); },
      [this](const common::HenbId& id, const core::PeerFacts& facts) {
        policy::NeighbourFacts learned;
        learned.id = id;
        learned.cmpv2 = {facts.cmpv2, policy::Source::kKeydist};
        if (!facts.anchors.empty()) learned.issuers = {facts.anchors, policy::Source::kKeydist};
        neighbours->LearnFromKeydist(id, learned);
      }});
}

void DaemonParts::MakeRevocation(std::function<void()> token_back) {
  revocation = std::make_unique<RevocationWatch>(RevocationWatch::Parts{
      config, loop, clock, random, *revocation_worker, *ike_worker, *adapters.fetcher,
      adapters.ipsec ? adapters.ike.get() : nullptr, *credentials, [this] { return policy->policy(); },
      [this] { return health->health().clock_sane; }, [this](absl::Time seen) { health->RaiseFloor(seen); },
      [this] { links->EvaluateAll(); },
      [this](std::uint64_t newest_serial, const auto& revoked) { links->ProveAgain(newest_serial, revoked); }});
  key_watch = std::make_unique<KeyWatch>(KeyWatch::Parts{.loop = loop,
                                                         .worker = *ike_worker,
                                                         .store = *adapters.certificates,
                                                         .credentials = *credentials,
                                                         .nssdb = config.nssdb,
                                                         .token = config.token.has_value(),
                                                         .gone = [this] { links->EvaluateAll(); },
                                                         .back = std::move(token_back)});
  cross_certificates = std::make_unique<CrossCertificates>(CrossCertificates::Parts{
      config, loop, clock, random, *revocation_worker, *adapters.fetcher, *adapters.certificates, *credentials});
}

/// Servers of lists and cross-certificates.
std::vector<core::BackhaulOnlyService> DaemonParts::PublishedServices() const {
  std::vector<std::string> urls = revocation->urls();
  urls.insert(urls.end(), config.cross_certificates.begin(), config.cross_certificates.end());
  return ListServices(urls, policy->policy());
}

}  // namespace henb::x2sec::app
