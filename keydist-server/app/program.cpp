#include "keydist-server/app/program.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "common/unix_socket.h"
#include "keydist-server/app/credentials.h"
#include "keydist-server/app/health.h"
#include "keydist-server/app/heap.h"
#include "keydist-server/app/kek_watch.h"
#include "keydist-server/app/keks.h"
#include "keydist-server/app/metrics.h"
#include "keydist-server/app/metrics_endpoint.h"
#include "keydist-server/app/move_store.h"
#include "keydist-server/app/open_audit.h"
#include "keydist-server/app/open_store.h"
#include "keydist-server/app/port_guard.h"
#include "keydist-server/app/tls_reloader.h"
#include "keydist-server/rpc/admin_rpc.h"
#include "keydist-server/rpc/connection_gate.h"
#include "keydist-server/rpc/flood_guard.h"
#include "keydist-server/rpc/henb_rpc.h"
#include "keydist-server/store/audit_files.h"
#include "keydist-server/store/audit_heads.h"
#include "keydist-server/store/file_audit_log.h"

namespace henb::keydist::app {
namespace {

constexpr int kMaxMessage = 64 << 10;      // The largest request, 64 names of 200 octets, has 13 KB.
constexpr int kMaxAdminMessage = 2 << 20;  // 1,000 HeNBs to be imported; the sockets are the operator's.
constexpr absl::Duration kRetentionEvery = absl::Minutes(10);
constexpr absl::Duration kGiveBackEvery = absl::Seconds(10);
constexpr int kMaxStreams = 128;                                 // Of one connection; x2secd has two.
constexpr absl::Duration kFirstRetry = absl::Milliseconds(500);  // Of opening a store that does not answer.
constexpr absl::Duration kMostRetry = absl::Seconds(5);
constexpr char kHealthName[] = "henb.keydist.v1.KeyDistribution";

/// What this replica is called without audit.replica.
std::string HostName() {
  char name[65] = {};
  if (gethostname(name, sizeof name - 1) != 0 || !domain::IsReplicaName(name)) return "unnamed";
  return name;
}

}  // namespace

/// Members in the order of their making; what stands lower uses what stands above, and ends before it.
struct Program::Impl {
  Config config;
  const common::Clock* clock = nullptr;  ///< Outlives the program, as does random.
  common::Random* random = nullptr;
  std::unique_ptr<KekWatch> keks;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::FileAuditLog> audit;
  std::unique_ptr<store::AuditHeads> heads;
  std::unique_ptr<service::KeyService> service;
  std::unique_ptr<rpc::PeerVerifier> verifier;
  std::unique_ptr<ListenerTls> listener_tls;
  std::unique_ptr<TlsReloader> tls;
  std::unique_ptr<rpc::TlsPeerGate> gate;
  rpc::WatchStreams streams;
  std::unique_ptr<service::CallQuota> quota;
  rpc::ProgramFacts facts;
  std::unique_ptr<rpc::HenbRpc> henb_rpc;
  std::unique_ptr<grpc::Service> admin_rpc;
  std::unique_ptr<grpc::Service> status_rpc;
  std::unique_ptr<grpc::Server> henb_server;
  std::unique_ptr<rpc::ConnectionGate> connections;
  std::vector<common::SocketPlace> sockets;  ///< Of the two below; they go when those have ended.
  std::unique_ptr<rpc::FloodGuard> flood_guard;
  std::unique_ptr<grpc::Server> admin_server;
  std::unique_ptr<grpc::Server> status_server;
  LimitsHealth limits{"limits", service::CallQuota::kLimitNames,
                      static_cast<std::size_t>(service::CallQuota::Limit::kCallers)};
  LimitsHealth connection_limits{"connections", domain::kConnectionRefusalNames,
                                 static_cast<std::size_t>(domain::ConnectionRefusal::kTotal)};
  std::optional<domain::AuditHeadVerifier> heads_verifier;
  absl::Duration retention_due;  ///< On Clock::Steady, as is memory_due.
  absl::Duration memory_due;
  absl::Status retention;  ///< Of the last time.
  bool healthy = false;
  bool following = true;
  std::unique_ptr<MetricsEndpoint> metrics;  ///< Asks the rest, on its own thread.

  [[nodiscard]] std::vector<rpc::SubsystemHealth> MoreHealth() const;
  [[nodiscard]] MetricsInputs Measure() const;
  [[nodiscard]] std::string ReplicaName() const;
  absl::Status OpenHeads();
  /// Removes old parts of the audit log that have been vouched for elsewhere.
  void KeepAudit();
  /// The store and the service over it.
  absl::Status OpenService(const domain::RootSealer& sealer, common::Random& random);
  absl::Status AwaitService(const domain::RootSealer& sealer, common::Random& random, const Pause& pause);
  absl::Status ListenForHenbs();
  absl::StatusOr<std::unique_ptr<grpc::Server>> ListenOn(const std::string& name, grpc::Service* rpc,
                                                         const std::string& group);
};

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() { Drain(absl::ZeroDuration()); }
int Program::port() const { return impl_->connections->port(); }
int Program::metrics_port() const { return impl_->metrics ? impl_->metrics->port() : 0; }

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const Config& config, const common::Clock& clock,
                                                        common::Random& random, common::ProcessRunner& runner,
                                                        const Pause& pause) {
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  impl->clock = &clock;
  impl->random = &random;
  ASSIGN_OR_RETURN(const TlsMaterial tls, LoadTls(config));
  ASSIGN_OR_RETURN(const domain::RootSealer keks, LoadKeks(config));
  impl->keks = std::make_unique<KekWatch>(keks);
  RETURN_IF_ERROR(common::MakeDirectories(config.state_dir, 0700));
  RETURN_IF_ERROR(common::MakeDirectories(config.run_dir, 0755));
  // The audit file's lock comes first: a second server on the same state stops here.
  ASSIGN_OR_RETURN(impl->audit, OpenAudit(config, clock));
  RETURN_IF_ERROR(impl->OpenHeads());
  RETURN_IF_ERROR(impl->AwaitService(keks, random, pause));
  ASSIGN_OR_RETURN(impl->verifier, rpc::PeerVerifier::Make(tls.anchors, clock, tls.lists));
  impl->listener_tls = std::make_unique<ListenerTls>(tls);
  impl->tls = std::make_unique<TlsReloader>(config, tls, *impl->listener_tls, *impl->verifier);
  impl->quota = std::make_unique<service::CallQuota>(config.quota);
  const bool by_address = config.placement == Placement::kBehindSegw;
  impl->gate =
      std::make_unique<rpc::TlsPeerGate>(*impl->verifier, by_address ? config.inner_pool : std::vector<common::Cidr>());
  impl->facts = {.version = KEYDIST_VERSION,
                 .listen = config.ListenText(),
                 .placement = by_address ? "behind_segw" : "colocated",
                 .started = clock.Now(),
                 .over_quota = [&quota = *impl->quota] { return quota.refused(); },
                 .move_store = [&it = *impl, &clock,
                                &random] { return MoveStore(it.config, *it.store, *it.audit, clock, random); },

                 .more_health = [raw = impl.get()] { return raw->MoreHealth(); }};
  if (!by_address && config.kernel_guard) {
    RETURN_IF_ERROR(InstallPortGuard(config, runner));
    common::LogInfo("kernel_guard_installed", {{"port", config.listen_port}});
  }
  RETURN_IF_ERROR(impl->ListenForHenbs());
  impl->admin_rpc = rpc::MakeAdminRpc(*impl->service, impl->facts, rpc::AdminAccess::kEverything);
  impl->status_rpc = rpc::MakeAdminRpc(*impl->service, impl->facts, rpc::AdminAccess::kReading);
  ASSIGN_OR_RETURN(impl->admin_server, impl->ListenOn("admin.sock", impl->admin_rpc.get(), config.admin_group));
  ASSIGN_OR_RETURN(impl->status_server, impl->ListenOn("status.sock", impl->status_rpc.get(), config.status_group));
  if (config.metrics) {
    impl->metrics = std::make_unique<MetricsEndpoint>(config.metrics->address, config.metrics->port,
                                                      [raw = impl.get()] { return RenderMetrics(raw->Measure()); });
  }
  std::unique_ptr<Program> program(new Program(std::move(impl)));
  program->Tick();
  return program;
}

std::string Program::Impl::ReplicaName() const {
  return config.audit_replica.empty() ? HostName() : config.audit_replica;
}

std::vector<rpc::SubsystemHealth> Program::Impl::MoreHealth() const {
  const absl::Status signing = heads->health();
  const absl::Status kek = keks->health();
  return {{.name = "kek", .ok = kek.ok(), .detail = std::string(kek.message())},
          {.name = "heads", .ok = signing.ok(), .detail = std::string(signing.message())},
          TlsHealth(tls->facts(), clock->Now()),
          limits.Read(),
          connection_limits.Read()};
}

MetricsInputs Program::Impl::Measure() const {
  MetricsInputs in;
  in.version = facts.version;
  in.now = clock->Now();
  in.started = facts.started;
  in.health = rpc::HealthOf(*service, facts);
  in.registered = service->directory().counts();
  in.revision = service->directory().revision();
  in.keys_issued = service->keys_issued();
  in.refusals = service->refusals().Read();
  in.over_quota = quota->refused_by_limit();
  const rpc::ConnectionGate::Counts counts = connections->counts();
  in.connections = counts.open;
  in.connections_refused = counts.refused;
  in.quota_callers = quota->callers();
  in.watchers = service->events().watchers();
  in.watch_overflows = streams.overflows();
  const auto active = service->epochs().active();
  const service::ActiveEpochs::Pick pick = active->At(in.now);
  if (pick.current != nullptr) {
    in.epoch = pick.current->span.number;
    in.epoch_ends = pick.current->span.ends;
  }
  in.next_epoch_ready = pick.next != nullptr;
  in.audit_records = audit->head().sequence;
  in.audit = audit->stats();
  in.server_certificate_ends = tls->facts().certificate_ends;
  in.first_anchor_ends = tls->facts().first_anchor_ends;
  return in;
}

absl::Status Program::Impl::OpenService(const domain::RootSealer& sealer, common::Random& random) {
  ASSIGN_OR_RETURN(store, OpenStore(config, *clock, random));
  service::ServiceOptions options = config.service;
  options.replica = ReplicaName();
  service = std::make_unique<service::KeyService>(*store, *audit, *clock, random, sealer, options);
  return service->Start();
}

absl::Status Program::Impl::AwaitService(const domain::RootSealer& sealer, common::Random& random, const Pause& pause) {
  for (absl::Duration wait = kFirstRetry;; wait = std::min(2 * wait, kMostRetry)) {
    absl::Status status = OpenService(sealer, random);
    if (status.ok() || !pause || config.backend != StoreBackend::kEtcd || !absl::IsUnavailable(status)) return status;
    service.reset();
    store.reset();
    common::LogWarning("store_away", {{"error", status}});
    if (!pause(random.Jitter(wait, 0.3))) return absl::CancelledError("told to stop while etcd was away");
  }
}

absl::Status Program::Impl::OpenHeads() {
  ASSIGN_OR_RETURN(domain::AuditHeadSigner signer, LoadOrMakeHeadsKey(config.audit_heads_key));
  heads_verifier = signer.verifier();
  ASSIGN_OR_RETURN(std::unique_ptr<store::AppendFile> file, store::OpenAppendFile(config.audit_heads_path));
  store::AuditHeads::Options options{.replica = ReplicaName(), .every = config.audit_heads_every};
  ASSIGN_OR_RETURN_CTX(heads,
                       store::AuditHeads::Open(std::move(file), std::move(signer), std::move(options), audit->head()),
                       config.audit_heads_path);
  heads->Write(audit->head(), clock->Now(), clock->Steady());
  return absl::OkStatus();
}

absl::Status Program::Impl::ListenForHenbs() {
  ASSIGN_OR_RETURN(connections, rpc::ConnectionGate::Listen(config.listen_address, config.listen_port,
                                                            config.Connections(), *clock));
  henb_rpc = rpc::MakeHenbRpc(*service, *gate, streams, *quota);
  grpc::EnableDefaultHealthCheckService(true);
  if (config.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.SetResourceQuota(grpc::ResourceQuota("henbs").Resize(static_cast<std::size_t>(config.memory_mib) << 20));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8192);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 20'000);
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, listener_tls->Credentials());
  henb_rpc->AddTo(builder);
  henb_server = builder.BuildAndStart();
  if (!henb_server) return absl::UnavailableError("gRPC does not start the server for HeNBs");
  henb_rpc->Start();
  // Twice what the quota of the HeNB lets through: whoever opens more gives most of it up.
  const domain::BucketLimits most{.refill = absl::Seconds(1) / (2 * config.quota.calls_per_second),
                                  .burst = 2 * config.quota.burst};
  flood_guard = std::make_unique<rpc::FloodGuard>(
      connections->port(), [it = service.get()] { return it->calls(); },
      rpc::FloodGuard::Options{.per_connection = most}, *clock);
  connections->Start(std::move(acceptor));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<grpc::Server>> Program::Impl::ListenOn(const std::string& name, grpc::Service* rpc,
                                                                      const std::string& group) {
  ASSIGN_OR_RETURN(common::SocketPlace place, common::SocketPlace::Prepare(common::StrCat(config.run_dir, "/", name)));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxAdminMessage);
  builder.AddListeningPort(common::StrCat("unix:", place.staging_path()), grpc::InsecureServerCredentials());
  builder.RegisterService(rpc);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return absl::UnavailableError(common::StrCat("cannot listen on ", place.path()));
  RETURN_IF_ERROR(place.Publish(group));
  sockets.push_back(std::move(place));
  return server;
}

void Program::Tick() {
  if (impl_->metrics) impl_->metrics->Tick();
  impl_->tls->Tick();
  impl_->KeepAudit();
  if (impl_->clock->Steady() >= impl_->memory_due) {
    impl_->memory_due = impl_->clock->Steady() + kGiveBackEvery;
    GiveMemoryBack();
  }
  impl_->limits.Note(impl_->quota->refused_by_limit(), impl_->clock->Steady());
  impl_->connection_limits.Note(impl_->connections->counts().refused, impl_->clock->Steady());
  const absl::Status epochs = impl_->service->Tick();
  impl_->heads->Tick(impl_->audit->head(), impl_->clock->Now(), impl_->clock->Steady());
  const absl::Status following = impl_->store->Following();
  if (following.ok() != impl_->following) {
    impl_->following = following.ok();
    if (following.ok()) {
      common::LogInfo("store_followed");
    } else {
      common::LogAlarm("store_not_followed", {{"error", following}});
    }
  }
  const bool healthy = epochs.ok() && following.ok() && impl_->audit->health().ok();
  if (healthy == impl_->healthy) return;
  impl_->healthy = healthy;
  grpc::HealthCheckServiceInterface* health = impl_->henb_server->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(healthy);
  health->SetServingStatus(kHealthName, healthy);
}

void Program::Impl::KeepAudit() {
  if (config.audit_keep == absl::ZeroDuration() || clock->Steady() < retention_due) return;
  retention_due = clock->Steady() + kRetentionEvery;
  const absl::Status status = store::RemoveExportedParts(config.audit_path, config.audit_exported, *heads_verifier,
                                                         config.audit_keep, clock->Now())
                                  .status();
  if (!status.ok() && retention.ok()) common::LogWarning("audit_not_removed", {{"error", status}});
  retention = status;
}

absl::Status Program::Reload(const Config& config) {
  absl::StatusOr<domain::RootSealer> keks = LoadKeks(config);
  absl::Status status = keks.status();
  if (status.ok()) status = impl_->service->epochs().CheckKeks(*keks);
  if (!status.ok()) {
    common::LogAlarm("kek_reload_refused", {{"error", status}});
    return status;
  }
  RETURN_IF_ERROR(impl_->tls->Reload(config));
  impl_->keks->Use(*keks);
  return impl_->service->UseKeks(*std::move(keks));
}

void Program::Drain(absl::Duration within) {
  if (!impl_->henb_server) return;
  impl_->connections->Stop();
  impl_->flood_guard.reset();
  if (auto* health = impl_->henb_server->GetHealthCheckService()) health->Shutdown();
  impl_->streams.Close(*impl_->random);
  const auto deadline = absl::ToChronoTime(absl::Now() + within);
  impl_->henb_server->Shutdown(deadline);
  impl_->henb_rpc->Stop();
  for (auto* server : {&impl_->admin_server, &impl_->status_server}) {
    if (*server) (*server)->Shutdown(deadline);
    server->reset();
  }
  impl_->sockets.clear();
  impl_->henb_server.reset();
  impl_->heads->Write(impl_->audit->head(), impl_->clock->Now(), impl_->clock->Steady());
}

absl::Status CheckFiles(const Config& config) {
  RETURN_IF_ERROR(LoadTls(config).status());
  if (!config.etcd.endpoints.empty()) RETURN_IF_ERROR(LoadEtcd(config.etcd).status());
  return LoadKeks(config).status();
}

}  // namespace henb::keydist::app
