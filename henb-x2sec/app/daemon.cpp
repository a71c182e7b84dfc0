#include "henb-x2sec/app/daemon.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "common/certificate.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/adapters.h"
#include "henb-x2sec/app/backend.h"
#include "henb-x2sec/app/loop_call.h"
#include "henb-x2sec/app/metrics.h"
#include "henb-x2sec/control/control_server.h"

namespace henb::x2sec::app {
namespace {

constexpr int kInitiateThreads = 8;
constexpr absl::Duration kCoalesce = absl::Milliseconds(15);

common::UniqueFd SignalFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  // Before the first thread is made: all inherit it.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return common::UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::string BootId() {
  const auto id = common::ReadFile("/proc/sys/kernel/random/boot_id", 64);
  return id.ok() ? id->substr(0, 36) : "";
}

}  // namespace

struct Daemon::Impl {
  Impl(Config c, std::string path, common::UniqueFd signal_fd)
      : config(std::move(c)), config_path(std::move(path)), signals(std::move(signal_fd)), loop(clock) {}
  ~Impl() {
    if (server) server->Stop();
    if (adapters.key_service) adapters.key_service->StopWatch();
    if (adapters.enroller) adapters.enroller->Stop();
    for (auto* worker : {&ike_worker, &guard_worker, &initiate_worker, &enrol_worker, &keydist_worker}) {
      if (*worker) (*worker)->Stop();
    }
  }

  absl::Status Start();
  absl::Status StartStores();
  void StartParts();
  void StartWatches();
  absl::Status StartControl();
  void ImportCredentials();
  void PolicyChanged();
  void KernelEvents();
  void SlowTimer();
  void Signals();
  void Reload();
  void LookAtHealth();
  void RaiseClockFloor();
  std::vector<control::DoctorFinding> Doctor();
  std::string Metrics();
  void ReadGuardCounters();

  Config config;
  std::string config_path;
  common::UniqueFd signals;
  common::SystemClock clock;
  common::SystemRandom random;
  common::EventLoop loop;
  Adapters adapters;
  std::unique_ptr<Worker> ike_worker;
  std::unique_ptr<Worker> guard_worker;
  std::unique_ptr<Worker> initiate_worker;
  std::unique_ptr<Worker> enrol_worker;
  std::unique_ptr<Worker> keydist_worker;
  std::optional<NeighbourStore> neighbours;
  std::optional<ReqidStore> reqids;
  std::optional<Credentials> credentials;
  std::optional<policy::PolicyStore> policy;
  std::optional<HealthMonitor> health;
  std::unique_ptr<SystemMirror> mirror;
  std::unique_ptr<KeyChanges> key_changes;
  std::unique_ptr<Enrolment> enrolment;
  std::unique_ptr<KeyDistribution> keys;
  std::unique_ptr<Prober> prober;
  std::unique_ptr<Links> links;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<control::ControlServer> server;
  std::optional<core::GuardCounters> guard_counters;
  bool kernel_look_armed = false;
  bool imported = false;
};

absl::Status Daemon::Impl::StartStores() {
  RETURN_IF_ERROR(common::MakeDirectories(config.state_dir, 0700));
  RETURN_IF_ERROR(common::MakeDirectories(config.run_dir, 0755));
  RETURN_IF_ERROR(common::RequireMemoryFileSystem(config.run_dir));
  ASSIGN_OR_RETURN(adapters, MakeAdapters(config));
  ASSIGN_OR_RETURN_CTX(auto neighbour_store, NeighbourStore::Open(config.state_dir + "/neighbours.json"), "neighbours");
  neighbours.emplace(std::move(neighbour_store));
  ASSIGN_OR_RETURN_CTX(auto reqid_store, ReqidStore::Open(config.state_dir + "/reqids.json", config.backhaul_reqid),
                       "reqids");
  reqids.emplace(std::move(reqid_store));
  ASSIGN_OR_RETURN_CTX(auto loaded, Credentials::Load(config, *adapters.certificates), "credentials");
  credentials.emplace(std::move(loaded));
  AddEnroller(config, *credentials, clock, adapters);
  AddKeyService(config, *credentials, random, adapters);
  policy.emplace(policy::PolicyStoreConfig{.directory = config.state_dir + "/policy",
                                           .device = config.id,
                                           .operator_name = config.operator_name.value_or(""),
                                           .vendor_roots = credentials->vendor_roots()},
                 &clock);
  if (const absl::Status policy_loaded = policy->Load(); !policy_loaded.ok()) {
    common::LogAlarm("policy.not_loaded", {{"error", policy_loaded}});  // everything is BLOCK until a good one comes
  }
  return absl::OkStatus();
}

void Daemon::Impl::StartParts() {
  ike_worker = std::make_unique<Worker>(loop, 1);
  guard_worker = std::make_unique<Worker>(loop, 1);
  initiate_worker = std::make_unique<Worker>(loop, kInitiateThreads);
  enrol_worker = std::make_unique<Worker>(loop, 1);
  keydist_worker = std::make_unique<Worker>(loop, 2);
  health.emplace(config, clock);
  prober = std::make_unique<Prober>();
  core::IkeDaemon* ike = adapters.ipsec ? adapters.ike.get() : nullptr;
  const auto pluto_changed = [this](bool running) {
    if (!running) return common::LogAlarm("pluto.gone", {});
    common::LogInfo("pluto.running", {});
    ImportCredentials();
  };
  mirror = std::make_unique<SystemMirror>(
      SystemMirror::Parts{loop, ike, *adapters.kernel, *adapters.guard, *ike_worker, *guard_worker,
                          config.pluto_rundir},
      SystemMirror::Callbacks{.looked = [this] { links->Observe(); },
                              .ready = [this](const std::string& name) { links->ConnectionReady(name); },
                              .refused = [this](const std::string& name,
                                                const absl::Status& status) { links->ConnectionRefused(name, status); },
                              .pluto_changed = pluto_changed});
  key_changes = std::make_unique<KeyChanges>(KeyChanges::Parts{
      loop, clock, ike, *mirror, *ike_worker, *initiate_worker, *prober,
      [this](const std::string& connection, std::uint32_t spi) { links->PinMoved(connection, spi); }});
  enrolment =
      std::make_unique<Enrolment>(Enrolment::Parts{config, loop, clock, random, *enrol_worker, adapters.enroller.get(),
                                                   *adapters.certificates, *adapters.ike, *credentials,
                                                   [this] {
                                                     RaiseClockFloor();
                                                     links->ForgetFailures();
                                                     links->EvaluateAll();
                                                   },
                                                   [](const absl::Status&) {}});
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
  links = std::make_unique<Links>(Links::Parts{config, loop, clock, random, ike, *initiate_worker, *mirror,
                                               *key_changes, *prober, *neighbours, *reqids, *credentials, *enrolment,
                                               *keys, *health, [this] { return policy->policy(); },
                                               [this] {
                                                 if (server) server->NotifyLinksChanged();
                                               }});
}

absl::Status Daemon::Impl::Start() {
  RETURN_IF_ERROR(StartStores());
  StartParts();
  RETURN_IF_ERROR_CTX(mirror->TakeStock(), "kernel");
  if (const policy::Policy* in_force = policy->policy()) enrolment->SetTerms(in_force->enrolment);
  if (adapters.ipsec) {
    const auto version = adapters.ike->CheckVersion();
    if (version.ok()) {
      common::LogInfo("pluto.version", {{"version", *version}});
    } else if (version.status().code() == absl::StatusCode::kFailedPrecondition) {
      return version.status();  // R23: a release that is not supported
    }
    ImportCredentials();
  }
  // Only now can links be decided as an earlier run decided them: what it left up is adopted, and nothing is taken down
  // for want of a fact.
  LookAtHealth();
  links->EvaluateAll();
  StartWatches();
  RETURN_IF_ERROR(StartControl());
  common::LogInfo("x2secd.started", {{"id", config.id.str()}});
  return absl::OkStatus();
}

/// The vendor key and the roots into the NSS database; pluto is told. Again when pluto was made anew.
void Daemon::Impl::ImportCredentials() {
  if (!adapters.ipsec) return;
  const auto root_is_new = credentials->ImportInto(*adapters.certificates);
  if (!root_is_new.ok()) {
    common::LogAlarm("credentials.import_failed", {{"error", root_is_new.status()}});
    return;
  }
  const bool first = !imported;
  imported = true;
  if (first || *root_is_new) {
    ike_worker->Run(
        [ike = adapters.ike.get()] { return ike->TrustNewRoots(); },
        [](const absl::Status& told) {
          if (!told.ok())
            common::LogDebug("pluto.roots_not_told", {{"error", told}});  // one that is down reads all at its start
        });
  }
}

/// A certificate that enrolment verified was made after its notBefore: no clock may be below that (R57).
void Daemon::Impl::RaiseClockFloor() {
  const auto& enrolled = credentials->operator_credential();
  if (enrolled) health->RaiseFloor(enrolled->certificate.not_before());
}

void Daemon::Impl::PolicyChanged() {
  const policy::Policy* in_force = policy->policy();
  enrolment->SetTerms(in_force == nullptr ? std::nullopt : in_force->enrolment);
  links->ForgetFailures();
  LookAtHealth();
  links->EvaluateAll();
}

void Daemon::Impl::LookAtHealth() {
  const policy::Policy* in_force = policy->policy();
  const policy::Health before = health->health();
  health->Look(mirror->kernel(), in_force != nullptr && in_force->backhaul.trusted);
  const policy::Health& now = health->health();
  if (before.backhaul_up == now.backhaul_up && before.clock_sane == now.clock_sane) return;
  common::LogWarning("health.changed", {{"backhaul_up", now.backhaul_up}, {"clock_sane", now.clock_sane}});
  if (now.backhaul_up) {
    enrolment->PathChanged();
    keys->PathChanged();
  }
  links->EvaluateAll();
}

void Daemon::Impl::KernelEvents() {
  static_cast<void>(adapters.kernel->ReadEvents());  // that there was one is enough: the snapshot tells
  if (kernel_look_armed) return;
  kernel_look_armed = true;  // what comes in a burst is looked at once
  loop.After(kCoalesce, [this] {
    kernel_look_armed = false;
    mirror->CheckKernel();
    LookAtHealth();
  });
}

void Daemon::Impl::StartWatches() {
  if (const int fd = adapters.kernel->event_fd(); fd >= 0) loop.WatchReadable(fd, [this] { KernelEvents(); });
  if (const int fd = adapters.guard->event_fd(); fd >= 0) {
    loop.WatchReadable(fd, [this] {
      if (adapters.guard->ReadEvents()) mirror->CheckGuard();
    });
  }
  loop.WatchReadable(signals.get(), [this] { Signals(); });
  loop.After(config.reconcile_every, [this] { SlowTimer(); });
}

void Daemon::Impl::SlowTimer() {
  LookAtHealth();
  links->EvaluateAll();
  mirror->CheckAll();
  health->Save();
  ReadGuardCounters();
  loop.After(random.Jitter(config.reconcile_every, 0.1), [this] { SlowTimer(); });
}

absl::Status Daemon::Impl::StartControl() {
  backend = std::make_unique<Backend>(BackendParts{config, loop, clock, *links, *neighbours, *policy, *credentials,
                                                   *enrolment, [this] { PolicyChanged(); }, [this] { return Doctor(); },
                                                   [this] { return Metrics(); }});
  control::ControlServerConfig sockets;
  sockets.control_socket = config.run_dir + "/control.sock";
  sockets.status_socket = config.run_dir + "/status.sock";
  ASSIGN_OR_RETURN_CTX(server, control::ControlServer::Start(sockets, *backend), "control");
  return absl::OkStatus();
}

void Daemon::Impl::Signals() {
  signalfd_siginfo info{};
  while (read(signals.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      Reload();
      continue;
    }
    common::LogInfo("x2secd.stopping", {{"signal", info.ssi_signo}});
    loop.Stop();
  }
}

/// What docs/configuration.md marks "reload". A bad file changes nothing.
void Daemon::Impl::Reload() {
  const auto text = common::ReadFile(config_path);
  auto fresh = text.ok() ? LoadConfig(*text, config_path) : absl::StatusOr<Config>(text.status());
  if (!fresh.ok()) {
    common::LogAlarm("config.refused", {{"error", fresh.status()}});
    return;
  }
  config.csg_id = fresh->csg_id;
  config.access_mode = fresh->access_mode;
  config.log = fresh->log;
  common::ConfigureLog(config.log);
  common::LogInfo("config.reloaded", {});
  links->EvaluateAll();
}

std::vector<control::DoctorFinding> Daemon::Impl::Doctor() {
  const auto version = adapters.ike->CheckVersion();  // blocks: on the control server's thread
  using Findings = std::vector<control::DoctorFinding>;
  auto findings = CallLoop<absl::StatusOr<Findings>>(loop, control::kAnswerWithin, [this, version](auto answer) {
    DoctorInputs inputs{.config = config,
                        .credentials = *credentials,
                        .now = clock.Now(),
                        .clock_floor = health->floor(),
                        .pluto_version = version,
                        .kernel = adapters.kernel->Snapshot(),
                        .guard_in_place = mirror->guard_as_desired(),
                        .policy_problem = {},
                        .keydist_problem = {},
                        .secrets_include_hint = {},
                        .secrets_place = common::RequireMemoryFileSystem(
                            std::filesystem::path(config.secrets_file).parent_path().string())};
    inputs.policy_problem = PolicyProblem(policy->policy(), clock.Now());
    if (links->AnyPsk() && !keys->health().ok()) inputs.keydist_problem = std::string(keys->health().message());
    inputs.secrets_include_hint = common::StrCat("include ", config.secrets_file);
    answer->Give(Diagnose(inputs));
  });
  if (findings.ok()) return *findings;
  return {{"daemon", false, std::string(findings.status().message()), "look into the journal"}};
}

std::string Daemon::Impl::Metrics() {
  MetricsInputs inputs{.now = clock.Now(),
                       .links = links->Views(),
                       .guard = guard_counters,
                       .credentials = CredentialViews(*credentials),
                       .enrolment = enrolment->View(),
                       .policy_version = {},
                       .policy_not_after = {},
                       .key_changes = key_changes->counts(),
                       .pluto_up = {},
                       .backhaul_up = health->health().backhaul_up,
                       .clock_sane = health->health().clock_sane};
  if (adapters.ipsec) inputs.pluto_up = mirror->pluto_running();
  if (const policy::Policy* held = policy->policy()) {
    inputs.policy_version = held->version;
    inputs.policy_not_after = held->not_after;
  }
  return RenderMetrics(inputs);
}

/// On the guard's worker, which is the one that runs nft.
void Daemon::Impl::ReadGuardCounters() {
  guard_worker->Run([guard = adapters.guard.get()] { return guard->Counters(); },
                    [this](absl::StatusOr<core::GuardCounters> counters) {
                      guard_counters.reset();
                      if (counters.ok()) guard_counters = *counters;
                      if (!config.metrics_textfile) return;
                      guard_worker->Run(
                          [path = *config.metrics_textfile, text = Metrics()] { return WriteMetricsFile(path, text); },
                          [](const absl::Status& written) {
                            if (!written.ok()) common::LogWarning("metrics.not_written", {{"error", written}});
                          });
                    });
}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(Config config, std::string config_path) {
  auto impl = std::make_unique<Impl>(std::move(config), std::move(config_path), SignalFd());
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

void Daemon::Run() {
  impl_->loop.Run();
  impl_->health->Save(true);
}

}  // namespace henb::x2sec::app
