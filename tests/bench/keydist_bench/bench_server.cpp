#include "tests/bench/keydist_bench/bench_server.h"

#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "common/random.h"
#include "common/rpc/grpc_process.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "keydist-server/rpc/henb_rpc.h"
#include "keydist-server/store/file_audit_log.h"
#include "keydist-server/store/memory_store.h"

namespace henb::keydist::bench {
namespace {

/// The bench's own: says that everything is durable. It exists nowhere else.
class NoAudit final : public store::AuditLog {
 public:
  void Append(const domain::AuditRecord&, Done done) override { done(absl::OkStatus()); }
  absl::Status health() const override { return absl::OkStatus(); }
  domain::ChainHead head() const override { return {}; }
  absl::StatusOr<std::vector<std::string>> Last(std::size_t) const override { return std::vector<std::string>(); }
};

/// The least that a unary call of these sizes costs: no parsing, no protobuf. A request of a batch is longer than 200
/// octets.
class Echo final : public v1::KeyDistribution::WithRawCallbackMethod_GetPairKeys<v1::KeyDistribution::Service> {
 public:
  grpc::ServerUnaryReactor* GetPairKeys(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    const bool batch = request->Length() > 200;
    const grpc::Slice slice(std::string(batch ? kBatchAnswer : kSingleAnswer, 'x'));
    *response = grpc::ByteBuffer(&slice, 1);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  static constexpr std::size_t kSingleAnswer = 80;
  static constexpr std::size_t kBatchAnswer = 32 * 80;
};

/// The least that an answer costs which may leave only when something about it is on the disk: no chain, no rights, no
/// keys; as many octets as a record has, whatever waits in one write and one fdatasync.
class DurableEcho final : public v1::KeyDistribution::WithRawCallbackMethod_GetPairKeys<v1::KeyDistribution::Service> {
 public:
  explicit DurableEcho(const std::string& path) : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {
    thread_ = std::thread([this] { Commit(); });
  }
  ~DurableEcho() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
    close(fd_);
  }
  grpc::ServerUnaryReactor* GetPairKeys(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                        grpc::ByteBuffer* response) override {
    const grpc::Slice slice(std::string(Echo::kSingleAnswer, 'x'));
    *response = grpc::ByteBuffer(&slice, 1);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const std::lock_guard lock(mutex_);
    waiting_.push_back(reactor);
    if (waiting_.size() == 1) wake_.notify_one();
    return reactor;
  }

 private:
  static constexpr std::size_t kRecord = 340;
  void Commit() {
    std::unique_lock lock(mutex_);
    std::vector<grpc::ServerUnaryReactor*> group;
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      group.clear();
      group.swap(waiting_);
      lock.unlock();
      const std::string records(kRecord * group.size(), 'r');
      const bool done = write(fd_, records.data(), records.size()) == static_cast<ssize_t>(records.size());
      if (!done || fdatasync(fd_) != 0) std::abort();
      for (grpc::ServerUnaryReactor* reactor : group) reactor->Finish(grpc::Status::OK);
      lock.lock();
    }
  }
  int fd_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<grpc::ServerUnaryReactor*> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

template <typename Add>
std::unique_ptr<grpc::Server> Listen(const Pki& pki, int* port, Add add) {
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = pki.vendor.pem() + pki.operator_ca.pem();
  tls.pem_key_cert_pairs.push_back({pki.server.key_pem, pki.server.certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), port);
  add(builder);
  return builder.BuildAndStart();
}

/// A key service over a store in memory.
struct Keys {
  Keys(const Pki& pki, store::AuditLog& audit)
      : service(store, audit, clock, random, *domain::RootSealer::Make(common::SecretBytes(32)), {}),
        verifier(*rpc::PeerVerifier::Make({pki.vendor.certificate(), pki.operator_ca.certificate()}, clock)),
        gate(*verifier, {}) {
    for (int i = 0; i < kHenbs; ++i) {
      domain::HenbRecord record;
      record.id = *common::HenbId::Parse(HenbName(i));
      record.anchors = {pki.vendor.spki()};
      record.groups = {"bench"};
      if (!store.CreateHenb(record).ok()) std::abort();
    }
    if (!service.Start().ok()) std::abort();
    grpc_service = rpc::MakeHenbRpc(service, gate, streams, quota);
    server = Listen(pki, &port, [this](grpc::ServerBuilder& builder) { grpc_service->AddTo(builder); });
    grpc_service->Start();
  }
  ~Keys() {
    server->Shutdown(std::chrono::system_clock::now());
    grpc_service->Stop();
  }
  common::SystemClock clock;
  common::SystemRandom random;
  store::MemoryStore store;
  service::KeyService service;
  std::unique_ptr<rpc::PeerVerifier> verifier;
  rpc::TlsPeerGate gate;
  rpc::WatchStreams streams;
  /// Measured, never reached: one HeNB asks for what thousands would.
  service::CallQuota quota{{.calls_per_second = 1'000'000'000, .burst = 1 << 30, .concurrent = 1 << 20}};
  std::unique_ptr<rpc::HenbRpc> grpc_service;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

}  // namespace

std::string HenbName(int number) {
  char text[40];
  std::snprintf(text, sizeof text, "henb-%04d.bench.example", number);
  return text;
}

void Serve(const Pki& pki, const std::string& folder, int report, int stop) {
  common::PrepareForGrpc();
  auto file = store::OpenAppendFile(folder + "/audit.jsonl");
  if (!file.ok()) std::abort();
  auto audit = store::FileAuditLog::Open(*std::move(file));
  if (!audit.ok()) std::abort();
  NoAudit no_audit;
  Keys keys(pki, no_audit);
  Keys durable(pki, **audit);
  Echo echo;
  Ports ports{.echo = 0, .keys = keys.port, .durable = durable.port};
  const auto echo_server =
      Listen(pki, &ports.echo, [&](grpc::ServerBuilder& builder) { builder.RegisterService(&echo); });
  DurableEcho durable_echo(folder + "/echo");
  const auto durable_echo_server =
      Listen(pki, &ports.durable_echo, [&](grpc::ServerBuilder& builder) { builder.RegisterService(&durable_echo); });
  if (write(report, &ports, sizeof ports) != static_cast<ssize_t>(sizeof ports)) std::abort();
  char octet = 0;
  while (read(stop, &octet, 1) > 0) {
  }
  for (auto* server : {echo_server.get(), durable_echo_server.get()}) {
    server->Shutdown(std::chrono::system_clock::now());
  }
}

}  // namespace henb::keydist::bench
