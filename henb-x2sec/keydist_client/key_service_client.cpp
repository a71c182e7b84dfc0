#include "henb-x2sec/keydist_client/key_service_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/log.h"
#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb-x2sec/keydist_client/epoch_floor.h"
#include "henb-x2sec/keydist_client/wire.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"

namespace henb::x2sec::keydist_client {
namespace {

namespace v1 = henb::keydist::v1;
using Stub = v1::KeyDistribution::Stub;
using Event = core::KeyServiceEvent;

std::shared_ptr<Stub> Connect(const ClientOptions& options, const ClientCredentials& credentials) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.operator_root_pem;
  tls.pem_cert_chain = credentials.certificate_pem;
  tls.pem_private_key = std::string(credentials.key_pem.view());
  const auto channel_credentials = grpc::SslCredentials(tls);
  common::Zeroise(tls.pem_private_key.data(), tls.pem_private_key.size());
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(options.server_name);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // The backhaul is the only way.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetMaxReceiveMessageSize(1 << 20);
  return v1::KeyDistribution::NewStub(grpc::CreateCustomChannel(options.address, channel_credentials, arguments));
}

/// When the service says that it is not to be asked before; a service that drains does.
absl::Duration PushbackOf(const grpc::ClientContext& context) {
  const auto& trailing = context.GetServerTrailingMetadata();
  const auto found = trailing.find("grpc-retry-pushback-ms");
  if (found == trailing.end()) return absl::ZeroDuration();
  const auto milliseconds =
      common::ParseNumber<std::uint32_t>(std::string_view(found->second.data(), found->second.size()));
  return std::min(absl::Milliseconds(milliseconds.value_or(0)), absl::Minutes(10));
}

}  // namespace

struct KeyServiceClient::Impl {
  ClientOptions options;
  common::Random& random;

  std::mutex mutex;
  std::shared_ptr<Stub> stub;
  EpochFloor floor;

  std::thread watch;
  EventSink sink;
  std::condition_variable wake;
  bool stopping = false;
  bool reconnect_now = false;
  grpc::ClientContext* stream = nullptr;  ///< Of the open stream.
  std::uint64_t revision = 0;             ///< Last one seen. The watch thread's.
  absl::Duration pushback;                ///< Of the last stream. The watch thread's.

  Impl(ClientOptions o, common::Random& r) : options(std::move(o)), random(r) {}

  std::shared_ptr<Stub> CurrentStub() {
    const std::lock_guard lock(mutex);
    return stub;
  }
  absl::Status Judge(const grpc::Status& status) const {
    return common::WithContext(common::FromGrpc(status), common::StrCat("key service ", options.address));
  }
  void SetDeadline(grpc::ClientContext* context) const {
    context->set_deadline(absl::ToChronoTime(absl::Now() + options.deadline));
  }
  void Watch();
  bool WatchOnce();
  void Handle(const v1::Event& wire);
};

KeyServiceClient::KeyServiceClient(ClientOptions options, ClientCredentials credentials, common::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), random)) {
  impl_->stub = Connect(impl_->options, credentials);
}

KeyServiceClient::~KeyServiceClient() { StopWatch(); }

void KeyServiceClient::UpdateCredentials(ClientCredentials credentials) {
  std::shared_ptr<Stub> stub = Connect(impl_->options, credentials);
  const std::lock_guard lock(impl_->mutex);
  impl_->stub = std::move(stub);
  impl_->reconnect_now = true;
  if (impl_->stream != nullptr) impl_->stream->TryCancel();
  impl_->wake.notify_all();
}

absl::StatusOr<core::RegisterResult> KeyServiceClient::Register(const core::RegisterFacts& facts) {
  grpc::ClientContext context;
  impl_->SetDeadline(&context);
  v1::RegisterResponse response;
  RETURN_IF_ERROR(impl_->Judge(impl_->CurrentStub()->Register(&context, ToWire(facts), &response)));
  return core::RegisterResult{.henb_id = response.henb_id(),
                              .lease = absl::Seconds(static_cast<std::int64_t>(response.lease_s())),
                              .generation = response.generation()};
}

absl::StatusOr<std::vector<core::PairResult>> KeyServiceClient::GetPairKeys(const std::vector<common::HenbId>& peers) {
  grpc::ClientContext context;
  impl_->SetDeadline(&context);
  v1::GetPairKeysRequest request;
  for (const common::HenbId& peer : peers) request.add_peers(peer.str());
  request.set_purpose(v1::IKE_PSK);
  v1::GetPairKeysResponse response;
  RETURN_IF_ERROR(impl_->Judge(impl_->CurrentStub()->GetPairKeys(&context, request, &response)));
  ASSIGN_OR_RETURN_CTX(std::vector<core::PairResult> results, TakeResults(peers, &response), "key service");
  const std::lock_guard lock(impl_->mutex);
  for (const core::PairResult& result : results) {
    const auto* keys = std::get_if<core::PairKeys>(&result.result);
    if (keys == nullptr) continue;
    if (absl::Status status = impl_->floor.Accept(result.peer, *keys); !status.ok()) {
      common::LogAlarm("keydist_stale_answer", {{"peer", result.peer.str()}, {"error", status}});
      return status;
    }
  }
  return results;
}

void KeyServiceClient::StartWatch(EventSink sink) {
  StopWatch();
  impl_->sink = std::move(sink);
  impl_->stopping = false;
  impl_->watch = std::thread([this] { impl_->Watch(); });
}

void KeyServiceClient::StopWatch() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    if (impl_->stream != nullptr) impl_->stream->TryCancel();
  }
  impl_->wake.notify_all();
  if (impl_->watch.joinable()) impl_->watch.join();
}

void KeyServiceClient::Impl::Watch() {
  absl::Duration retry = options.first_retry;
  while (true) {
    if (WatchOnce()) retry = options.first_retry;
    std::unique_lock lock(mutex);
    const absl::Duration pause = std::max(pushback, random.Jitter(retry, 0.5));
    wake.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return stopping || reconnect_now; });
    if (stopping) return;
    reconnect_now = false;
    retry = std::min(retry * 2, options.most_retry);
  }
}

/// One stream from its opening to its end. True when it had been open.
bool KeyServiceClient::Impl::WatchOnce() {
  grpc::ClientContext context;
  std::shared_ptr<Stub> using_stub;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return false;
    stream = &context;
    using_stub = stub;
    reconnect_now = false;
  }
  v1::WatchRequest request;
  request.set_after_revision(revision);
  const auto reader = using_stub->Watch(&context, request);
  reader->WaitForInitialMetadata();
  v1::Event wire;
  bool open = false;
  // The service sends its metadata as soon as the watch stands; a refused call has none that counts.
  if (context.GetServerInitialMetadata().contains("watching")) {
    open = true;
    if (revision == 0) sink(Event{.kind = Event::Kind::kResyncRequired, .revision = 0, .epoch = 0, .peer = {}});
  }
  while (reader->Read(&wire)) {
    open = true;
    Handle(wire);
  }
  const grpc::Status status = reader->Finish();
  pushback = PushbackOf(context);
  {
    const std::lock_guard lock(mutex);
    stream = nullptr;
    if (stopping) return open;
  }
  common::LogInfo("keydist_watch_ended",
                  {{"code", static_cast<int>(status.error_code())}, {"error", status.error_message()}});
  return open;
}

void KeyServiceClient::Impl::Handle(const v1::Event& wire) {
  revision = std::max(revision, wire.revision());
  absl::StatusOr<Event> event = FromWire(wire);
  if (!event.ok()) {
    // Something changed that this release has no word for: ask for everything.
    common::LogWarning("keydist_event_unknown", {{"error", event.status()}});
    event = Event{.kind = Event::Kind::kResyncRequired, .revision = wire.revision(), .epoch = 0, .peer = {}};
  }
  sink(*std::move(event));
}

}  // namespace henb::x2sec::keydist_client
