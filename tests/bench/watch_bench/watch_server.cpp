#include "tests/bench/watch_bench/watch_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

#include "common/random.h"
#include "common/rpc/grpc_process.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "keydist-server/rpc/henb_rpc.h"
#include "keydist-server/store/audit_log.h"
#include "keydist-server/store/memory_store.h"

namespace henb::keydist::bench {
namespace {

/// The bench's own: nothing is asked for that would be recorded.
class NoAudit final : public store::AuditLog {
 public:
  void Append(const domain::AuditRecord&, Done done) override { done(absl::OkStatus()); }
  absl::Status health() const override { return absl::OkStatus(); }
  domain::ChainHead head() const override { return {}; }
  absl::StatusOr<std::vector<std::string>> Last(std::size_t) const override { return std::vector<std::string>(); }
};

template <typename Add>
std::unique_ptr<grpc::Server> Listen(const WatchPki& pki, int* port, Add add) {
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = pki.vendor.pem() + pki.operator_ca.pem();
  tls.pem_key_cert_pairs.push_back({pki.server.key_pem, pki.server.certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), port);
  add(builder);
  return builder.BuildAndStart();
}

/// The least that a stream which is told something costs.
class BareService final : public v1::KeyDistribution::WithCallbackMethod_Watch<v1::KeyDistribution::Service> {
 public:
  grpc::ServerWriteReactor<v1::Event>* Watch(grpc::CallbackServerContext* context, const v1::WatchRequest*) override {
    context->AddInitialMetadata("watching", "1");
    return new Stream(this);
  }
  void Tell(std::uint64_t revision) {
    const std::lock_guard lock(mutex_);
    event_.set_revision(revision);
    event_.mutable_epoch_ready()->set_epoch(revision);
    for (Stream* stream : streams_) stream->StartWrite(&event_);
  }

 private:
  class Stream final : public grpc::ServerWriteReactor<v1::Event> {
   public:
    explicit Stream(BareService* owner) : owner_(owner) {
      StartSendInitialMetadata();
      const std::lock_guard lock(owner_->mutex_);
      owner_->streams_.insert(this);
    }
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override {
      {
        const std::lock_guard lock(owner_->mutex_);
        owner_->streams_.erase(this);
      }
      delete this;
    }

   private:
    BareService* owner_;
  };
  std::mutex mutex_;
  std::set<Stream*> streams_;
  v1::Event event_;
};

template <typename Tell>
void Run(int port, int report, int orders, Tell tell) {
  if (write(report, &port, sizeof port) != static_cast<ssize_t>(sizeof port)) std::abort();
  std::uint64_t revision = 1000;
  for (char octet = 0; read(orders, &octet, 1) > 0;) tell(++revision);
}

void ServeKeys(const WatchPki& pki, int henbs, int report, int orders) {
  common::SystemClock clock;
  common::SystemRandom random;
  store::MemoryStore store;
  NoAudit audit;
  for (int i = 0; i < henbs; ++i) {
    domain::HenbRecord record;
    record.id = *common::HenbId::Parse(WatcherName(i));
    record.anchors = {pki.vendor.spki()};
    record.groups = {"bench"};
    if (!store.CreateHenb(record).ok()) std::abort();
  }
  service::KeyService service(store, audit, clock, random, *domain::RootSealer::Make(common::SecretBytes(32)), {});
  const auto verifier = rpc::PeerVerifier::Make({pki.vendor.certificate(), pki.operator_ca.certificate()}, clock);
  if (!verifier.ok() || !service.Start().ok()) std::abort();
  rpc::TlsPeerGate gate(**verifier, {});
  rpc::WatchStreams streams;
  service::CallQuota quota{service::QuotaLimits{}};
  const auto rpc = rpc::MakeHenbRpc(service, gate, streams, quota);
  int port = 0;
  const auto server = Listen(pki, &port, [&](grpc::ServerBuilder& builder) { rpc->AddTo(builder); });
  rpc->Start();
  Run(port, report, orders, [&](std::uint64_t revision) {
    service.events().Publish({.kind = service::ChangeNote::Kind::kEpoch, .revision = revision, .epoch = revision});
  });
  streams.Close(random);
  server->Shutdown(std::chrono::system_clock::now());
  rpc->Stop();
}

void ServeBare(const WatchPki& pki, int report, int orders) {
  BareService service;
  int port = 0;
  const auto server = Listen(pki, &port, [&](grpc::ServerBuilder& builder) { builder.RegisterService(&service); });
  Run(port, report, orders, [&](std::uint64_t revision) { service.Tell(revision); });
  server->Shutdown(std::chrono::system_clock::now());
}

}  // namespace

std::string WatcherName(int number) {
  char text[40];
  std::snprintf(text, sizeof text, "henb-%05d.bench.example", number);
  return text;
}

void ServeWatchers(const WatchPki& pki, Role role, int henbs, int report, int orders) {
  common::PrepareForGrpc();
  role == Role::kKeyService ? ServeKeys(pki, henbs, report, orders) : ServeBare(pki, report, orders);
}

}  // namespace henb::keydist::bench
