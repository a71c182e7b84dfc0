#include "keydist-server/store/etcd_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "etcd/rpc.grpc.pb.h"

namespace henb::keydist::store {
namespace {

constexpr int kMostAnswer = 64 << 20;

std::shared_ptr<grpc::ChannelCredentials> Credentials(const EtcdEndpoints& endpoints) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = endpoints.ca_pem;
  options.pem_cert_chain = endpoints.certificate_pem;
  options.pem_private_key = std::string(endpoints.key_pem.view());
  auto credentials = grpc::SslCredentials(options);
  common::Zeroise(options.pem_private_key.data(), options.pem_private_key.size());
  return credentials;
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address,
                                         const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMostAnswer);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);  // etcd ends connections that ping more often than every 5 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS,
                   1'000);  // A lost connection asks anew; gRPC waits 30 s.
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

bool IsEndpointsFault(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

absl::Status ErrorAt(const std::string& address, const grpc::Status& status) {
  absl::Status error = common::FromGrpc(status);
  if (absl::IsOutOfRange(error)) return error;
  return absl::UnavailableError(common::StrCat("etcd ", address, ": ", error.message()));
}

EtcdEntry EntryOf(mvccpb::KeyValue&& kv) {
  return {.key = std::move(*kv.mutable_key()),
          .value = std::move(*kv.mutable_value()),
          .revision = static_cast<std::uint64_t>(kv.mod_revision())};
}

}  // namespace

struct EtcdClient::Endpoint {
  std::string address;
  std::unique_ptr<etcdserverpb::KV::Stub> kv;
  std::unique_ptr<etcdserverpb::Watch::Stub> watch;
};

struct EtcdClient::WatchCall {
  grpc::ClientContext context;
};

std::string EndOfPrefix(std::string prefix) {
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

EtcdClient::EtcdClient(EtcdEndpoints endpoints, const common::Clock& clock)
    : clock_(clock), deadline_(endpoints.deadline) {
  const auto credentials = Credentials(endpoints);
  for (const std::string& address : endpoints.addresses) {
    const auto channel = ChannelTo(address, credentials);
    endpoints_.push_back(std::make_unique<Endpoint>(
        Endpoint{address, etcdserverpb::KV::NewStub(channel), etcdserverpb::Watch::NewStub(channel)}));
  }
}

EtcdClient::~EtcdClient() = default;

EtcdClient::Endpoint& EtcdClient::Current(std::size_t* index) {
  const std::lock_guard lock(mutex_);
  *index = current_;
  return *endpoints_[current_];
}

void EtcdClient::MoveOn(std::size_t from) {
  const std::lock_guard lock(mutex_);
  if (current_ != from) return;  // Another call has moved on already.
  current_ = (current_ + 1) % endpoints_.size();
  // A watch at an endpoint that no longer answers calls might be silent for ever: it follows.
  if (watch_ != nullptr) watch_->context.TryCancel();
}

absl::StatusOr<EtcdAnswer> EtcdClient::Range(const EtcdQuery& query) {
  etcdserverpb::RangeRequest request;
  request.set_key(query.key);
  request.set_range_end(query.end);
  request.set_limit(static_cast<std::int64_t>(query.limit));
  request.set_revision(static_cast<std::int64_t>(query.at_revision));
  if (query.changed_from != 0) {
    request.set_min_mod_revision(static_cast<std::int64_t>(query.changed_from));
    request.set_sort_order(etcdserverpb::RangeRequest::ASCEND);
    request.set_sort_target(etcdserverpb::RangeRequest::MOD);
  }
  absl::Status error = absl::UnavailableError("etcd: no endpoint");
  for (std::size_t tried = 0; tried < endpoints_.size(); ++tried) {
    std::size_t index = 0;
    Endpoint& endpoint = Current(&index);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline_));
    etcdserverpb::RangeResponse response;
    const absl::Duration asked_at = clock_.Steady();
    const grpc::Status status = endpoint.kv->Range(&context, request, &response);
    if (status.ok()) {
      answered_ns_ = absl::ToInt64Nanoseconds(asked_at);
      EtcdAnswer answer{
          .entries = {}, .revision = static_cast<std::uint64_t>(response.header().revision()), .more = response.more()};
      for (mvccpb::KeyValue& kv : *response.mutable_kvs()) answer.entries.push_back(EntryOf(std::move(kv)));
      return answer;
    }
    error = ErrorAt(endpoint.address, status);
    if (!IsEndpointsFault(status)) break;
    MoveOn(index);
  }
  return error;
}

absl::StatusOr<std::uint64_t> EtcdClient::PutIf(const std::string& key, std::uint64_t seen, const std::string& value) {
  const std::pair<std::string, std::string> entry(key, value);
  return PutAllIf(key, seen, {&entry, 1});
}

absl::StatusOr<std::uint64_t> EtcdClient::PutAllIf(const std::string& guard, std::uint64_t seen,
                                                   std::span<const std::pair<std::string, std::string>> entries) {
  return PutWhen({{guard, seen}}, entries);
}

absl::StatusOr<std::uint64_t> EtcdClient::PutWhen(const Seen& seen,
                                                  std::span<const std::pair<std::string, std::string>> entries) {
  etcdserverpb::TxnRequest request;
  for (const auto& [key, revision] : seen) {
    etcdserverpb::Compare& compare = *request.add_compare();
    compare.set_key(key);
    compare.set_target(etcdserverpb::Compare::MOD);
    compare.set_result(etcdserverpb::Compare::EQUAL);
    compare.set_mod_revision(static_cast<std::int64_t>(revision));
  }
  for (const auto& [key, value] : entries) {
    etcdserverpb::PutRequest& put = *request.add_success()->mutable_request_put();
    put.set_key(key);
    put.set_value(value);
  }
  std::size_t index = 0;
  Endpoint& endpoint = Current(&index);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + deadline_));
  etcdserverpb::TxnResponse response;
  if (const grpc::Status status = endpoint.kv->Txn(&context, request, &response); !status.ok()) {
    if (IsEndpointsFault(status)) MoveOn(index);
    return common::WithContext(ErrorAt(endpoint.address, status), "the write is in doubt");
  }
  if (!response.succeeded()) return absl::AbortedError("changed meanwhile");
  return static_cast<std::uint64_t>(response.header().revision());
}

absl::Status EtcdClient::Compact(std::uint64_t revision) {
  etcdserverpb::CompactionRequest request;
  request.set_revision(static_cast<std::int64_t>(revision));
  request.set_physical(true);  // Answers when it has been done, not when it has been noted.
  std::size_t index = 0;
  Endpoint& endpoint = Current(&index);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + 10 * deadline_));
  etcdserverpb::CompactionResponse response;
  const grpc::Status status = endpoint.kv->Compact(&context, request, &response);
  if (status.ok() || status.error_code() == grpc::StatusCode::OUT_OF_RANGE) return absl::OkStatus();
  if (IsEndpointsFault(status)) MoveOn(index);
  return ErrorAt(endpoint.address, status);
}

absl::Status EtcdClient::Watch(const std::string& prefix, std::uint64_t from, const OnEvents& on_events) {
  WatchCall call;
  call.context.AddMetadata("hasleader", "true");  // A member that is cut off ends the watch instead of being silent.
  std::size_t index = 0;
  Endpoint* endpoint = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return absl::CancelledError("stopped");
    index = current_;
    endpoint = endpoints_[index].get();
    watch_ = &call;
  }
  const auto stream = endpoint->watch->Watch(&call.context);
  etcdserverpb::WatchRequest request;
  etcdserverpb::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(prefix);
  create.set_range_end(EndOfPrefix(prefix));
  create.set_start_revision(static_cast<std::int64_t>(from));
  absl::Status ended;
  if (stream->Write(request)) {
    etcdserverpb::WatchResponse response;
    std::vector<EtcdEntry> entries;
    while (ended.ok() && stream->Read(&response)) {
      if (response.canceled()) {
        const std::string reason =
            common::StrCat("etcd ", endpoint->address, ": the watch was ended: ", response.cancel_reason());
        ended = response.compact_revision() != 0 ? absl::OutOfRangeError(reason) : absl::UnavailableError(reason);
        call.context.TryCancel();
        break;
      }
      entries.clear();
      for (mvccpb::Event& event : *response.mutable_events()) {
        entries.push_back(EntryOf(std::move(*event.mutable_kv())));
        entries.back().deleted = event.type() == mvccpb::Event::DELETE;
      }
      on_events(entries);
    }
  }
  const grpc::Status status = stream->Finish();
  {
    const std::lock_guard lock(mutex_);
    watch_ = nullptr;
    if (stopped_) return absl::CancelledError("stopped");
  }
  if (!ended.ok()) return ended;
  if (IsEndpointsFault(status)) MoveOn(index);
  return status.ok() ? absl::UnavailableError(common::StrCat("etcd ", endpoint->address, ": the watch ended"))
                     : ErrorAt(endpoint->address, status);
}

void EtcdClient::StopWatching() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  if (watch_ != nullptr) watch_->context.TryCancel();
}

}  // namespace henb::keydist::store
