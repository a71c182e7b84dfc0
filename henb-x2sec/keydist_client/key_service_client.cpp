#include "henb-x2sec/keydist_client/key_service_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/backoff.h"
#include "common/log.h"
#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb-x2sec/core/ports/retry_after.h"
#include "henb-x2sec/keydist_client/epoch_floor.h"
#include "henb-x2sec/keydist_client/wire.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"

namespace henb::x2sec::keydist_client {
namespace {

namespace v1 = henb::keydist::v1;
using Stub = v1::KeyDistribution::Stub;
using Event = core::KeyServiceEvent;

constexpr int kOwnRetry = 20'000;  // Milliseconds.

std::shared_ptr<grpc::ChannelCredentials> Show(const ClientOptions& options, const ClientCredentials& credentials) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.operator_root_pem;
  tls.pem_cert_chain = credentials.certificate_pem;
  tls.pem_private_key = std::string(credentials.key_pem.view());
  auto shown = grpc::SslCredentials(tls);
  common::Zeroise(tls.pem_private_key.data(), tls.pem_private_key.size());
  return shown;
}

std::shared_ptr<grpc::Channel> Open(const ClientOptions& options,
                                    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(options.server_name);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // The backhaul is the only way.
  // When to try again is the callers' to say, who spread it: they open a new channel where one has failed. This one
  // does not come back by itself before, and an attempt that nobody answers ends by then.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kOwnRetry);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kOwnRetry);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetMaxReceiveMessageSize(1 << 20);
  return grpc::CreateCustomChannel(options.address, credentials, arguments);
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

/// OK stays OK.
absl::Status WithPushback(absl::Status status, const grpc::ClientContext& context) {
  return status.ok() ? status : core::WithRetryAfter(std::move(status), PushbackOf(context));
}

}  // namespace

struct KeyServiceClient::Impl {
  ClientOptions options;
  common::Random& random;

  std::mutex mutex;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<Stub> stub;
  EpochFloor floor;

  std::thread watch;
  EventSink sink;
  std::condition_variable wake;
  bool stopping = false;
  bool reconnect_now = false;
  grpc::ClientContext* stream = nullptr;  ///< Of the open stream.
  std::uint64_t revision = 0;             ///< Last one seen. The watch thread's.

  Impl(ClientOptions o, common::Random& r) : options(std::move(o)), random(r) {}

  /// Under the mutex.
  void Reopen() {
    channel = Open(options, credentials);
    stub = v1::KeyDistribution::NewStub(channel);
  }
  /// For an attempt that is due now.
  std::shared_ptr<Stub> CurrentStub() {
    const std::lock_guard lock(mutex);
    const grpc_connectivity_state state = channel->GetState(false);
    // Shut down from the start: its key was not to be had.
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) Reopen();
    return stub;
  }
  absl::Status Judge(const grpc::Status& status, const grpc::ClientContext& context) const {
    const absl::Status judged = common::FromGrpc(status);
    return WithPushback(common::WithContext(judged, common::StrCat("key service ", options.address)), context);
  }
  void SetDeadline(grpc::ClientContext* context) const {
    context->set_deadline(absl::ToChronoTime(absl::Now() + options.deadline));
  }
  void Watch();
  struct Ended {
    bool had_been_open = false;
    absl::Duration retry_after;
  };
  Ended WatchOnce();
  void Handle(const v1::Event& wire);
};

KeyServiceClient::KeyServiceClient(ClientOptions options, ClientCredentials credentials, common::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), random)) {
  impl_->credentials = Show(impl_->options, credentials);
  impl_->Reopen();
}

KeyServiceClient::~KeyServiceClient() { StopWatch(); }

void KeyServiceClient::UpdateCredentials(ClientCredentials credentials) {
  auto shown = Show(impl_->options, credentials);
  const std::lock_guard lock(impl_->mutex);
  impl_->credentials = std::move(shown);
  impl_->Reopen();
  impl_->reconnect_now = true;
  if (impl_->stream != nullptr) impl_->stream->TryCancel();
  impl_->wake.notify_all();
}

absl::StatusOr<core::RegisterResult> KeyServiceClient::Register(const core::RegisterFacts& facts) {
  grpc::ClientContext context;
  impl_->SetDeadline(&context);
  v1::RegisterResponse response;
  const grpc::Status status = impl_->CurrentStub()->Register(&context, ToWire(facts), &response);
  RETURN_IF_ERROR(impl_->Judge(status, context));
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
  const grpc::Status called = impl_->CurrentStub()->GetPairKeys(&context, request, &response);
  RETURN_IF_ERROR(impl_->Judge(called, context));
  ASSIGN_OR_RETURN_CTX(std::vector<core::PairResult> results, TakeResults(peers, &response), "key service");
  const std::lock_guard lock(impl_->mutex);
  for (core::PairResult& result : results) {
    const auto* keys = std::get_if<core::PairKeys>(&result.result);
    if (keys == nullptr) continue;
    // One pair's stale answer is no reason to refuse the others'.
    if (absl::Status status = impl_->floor.Accept(result.peer, *keys); !status.ok()) result.result = std::move(status);
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
  common::Backoff again(options.first_retry, options.most_retry);
  while (true) {
    const Ended ended = WatchOnce();
    if (ended.had_been_open) again.Reset();
    std::unique_lock lock(mutex);
    const absl::Duration pause = ended.retry_after + again.Next(random);
    wake.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return stopping || reconnect_now; });
    if (stopping) return;
    reconnect_now = false;
  }
}

/// One stream from its opening to its end.
KeyServiceClient::Impl::Ended KeyServiceClient::Impl::WatchOnce() {
  grpc::ClientContext context;
  std::shared_ptr<Stub> using_stub;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return {};
    stream = &context;
    reconnect_now = false;
  }
  using_stub = CurrentStub();
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
  {
    const std::lock_guard lock(mutex);
    stream = nullptr;
    if (stopping) return {.had_been_open = open, .retry_after = {}};
  }
  common::LogInfo("keydist_watch_ended",
                  {{"code", static_cast<int>(status.error_code())}, {"error", status.error_message()}});
  return {.had_been_open = open, .retry_after = PushbackOf(context)};
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
