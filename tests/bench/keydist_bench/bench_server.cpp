#include "tests/bench/keydist_bench/bench_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "common/random.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "keydist-server/rpc/henb_rpc.h"
#include "keydist-server/store/file_audit_log.h"
#include "keydist-server/store/memory_store.h"

namespace henb::keydist::bench {
namespace {

/// The bench's own: says that everything is durable. It exists nowhere else.
class NoAudit final : public store::AuditLog {
 public:
  void Append(domain::AuditRecord, Done done) override { done(absl::OkStatus()); }
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

std::unique_ptr<grpc::Server> Listen(const Pki& pki, grpc::Service* service, int* port) {
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = pki.vendor.pem() + pki.operator_ca.pem();
  tls.pem_key_cert_pairs.push_back({pki.server.key_pem, pki.server.certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), port);
  builder.RegisterService(service);
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
    server = Listen(pki, grpc_service.get(), &port);
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
  std::unique_ptr<grpc::Service> grpc_service;
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
  auto file = store::OpenAppendFile(folder + "/audit.jsonl");
  if (!file.ok()) std::abort();
  auto audit = store::FileAuditLog::Open(*std::move(file));
  if (!audit.ok()) std::abort();
  NoAudit no_audit;
  Keys keys(pki, no_audit);
  Keys durable(pki, **audit);
  Echo echo;
  Ports ports{.echo = 0, .keys = keys.port, .durable = durable.port};
  const auto echo_server = Listen(pki, &echo, &ports.echo);
  if (write(report, &ports, sizeof ports) != static_cast<ssize_t>(sizeof ports)) std::abort();
  char octet = 0;
  while (read(stop, &octet, 1) > 0) {
  }
  for (auto* server : {keys.server.get(), durable.server.get(), echo_server.get()}) {
    server->Shutdown(std::chrono::system_clock::now());
  }
}

}  // namespace henb::keydist::bench
