#include "keydist-server/rpc/henb_rpc.h"

#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <thread>

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "keydist-server/rpc/call_lanes.h"
#include "keydist-server/rpc/pair_keys_wire.h"

namespace henb::keydist::rpc {
namespace {

using Identity = std::shared_ptr<const service::CallerIdentity>;

/// Finishes a call at once.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(common::ToGrpc(status));
  return reactor;
}

using Quota = service::CallQuota;

/// RESOURCE_EXHAUSTED and when to come back.
grpc::Status OverQuota(grpc::ServerContextBase* context, const Quota::Admission& admission) {
  const std::int64_t after_ms = absl::ToInt64Milliseconds(absl::Ceil(admission.retry_after, absl::Milliseconds(1)));
  context->AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(after_ms));
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, std::string(admission.why)};
}

using Base = v1::KeyDistribution::WithRawMethod_GetPairKeys<v1::KeyDistribution::WithCallbackMethod_Register<
    v1::KeyDistribution::WithCallbackMethod_Watch<v1::KeyDistribution::Service>>>;

/// What the calls of all methods share.
struct Parts {
  service::KeyService& service;
  PeerGate& gate;
  WatchStreams& streams;
  Quota& quota;

  Quota::Admission Admit(const service::CallerIdentity& caller, Quota::Kind kind) const {
    Quota::Admission admission = quota.Admit(caller, kind, 1, service.clock().Steady());
    if (admission.granted) service.NoteCall();
    return admission;
  }
  /// Those without an identity share one quota; over it, their refusals leave no record.
  absl::StatusOr<Identity> Identify(const grpc::ServerContextBase& context, std::string_view call) const {
    absl::StatusOr<Identity> caller = gate.Admit(context);
    if (caller.ok()) return caller;
    service.refusals().Count(absl::IsPermissionDenied(caller.status()) ? service::Refusal::kAddress
                                                                       : service::Refusal::kCertificate);
    if (Admit({}, Quota::Kind::kOnce).granted) service.RecordRefusal({}, call, caller.status());
    return caller;
  }
};

/// One GetPairKeys call, from its being waited for; owns itself. The keys lie in `answer_` while the audit record is on
/// its way to the disk; they get into gRPC's hands only when it is there.
class PairKeysCall final : public LaneTask {
 public:
  PairKeysCall(const Parts& parts, Base& rpc, CallLane& lane)
      : LaneTask(lane), parts_(parts), rpc_(rpc), responder_(&context_) {
    rpc_.RequestGetPairKeys(&context_, &request_, &responder_, lane.queue(), lane.queue(), tag());
  }

  void Proceed(bool ok) override {
    switch (state_) {
      case State::kWaiting:
        if (!ok) return delete this;  // The server ends.
        new PairKeysCall(parts_, rpc_, lane_);
        return Run();
      case State::kRecording:
        return Answer();
      case State::kEnding:
        delete this;
    }
  }

 private:
  enum class State { kWaiting, kRecording, kEnding };

  void Run() {
    absl::StatusOr<Identity> caller = parts_.Identify(context_, "GetPairKeys");
    if (!caller.ok()) return End(common::ToGrpc(caller.status()));
    grpc::Slice slice;
    if (!request_.TrySingleSlice(&slice).ok() && !request_.DumpToSingleSlice(&slice).ok()) slice = grpc::Slice();
    Decide(**caller, {reinterpret_cast<const char*>(slice.begin()), slice.size()});
  }

  void Decide(const service::CallerIdentity& caller, std::string_view message) {
    service::KeyService& service = parts_.service;
    PairKeysQuery query;
    const absl::Status read = ReadPairKeysQuery(message, &query);
    Quota::Admission admission = parts_.quota.Admit(
        caller, Quota::Kind::kCall, read.ok() ? static_cast<std::int64_t>(query.count) : 1, service.clock().Steady());
    if (!admission.granted) return End(OverQuota(&context_, admission));
    service.NoteCall();
    slot_ = std::move(admission.slot);
    if (!read.ok()) return Invalid(read);
    service::Decision decision;
    verdict_ = service.Decide(caller, query.peers(), &decision);
    if (verdict_.ok()) {
      for (std::size_t i = 0; i < query.count; ++i) {
        if (decision.peers[i].verdict != domain::PairVerdict::kNotAllowed) continue;  // A known name is well-formed.
        if (absl::Status bad = common::HenbId::Parse(query.names[i]).status(); !bad.ok()) {
          return Invalid(common::WithContext(bad, common::StrCat("peers[", i, "]")));
        }
      }
      answer_ = WritePairKeysAnswer(caller.id.str(), query, decision);
    }
    state_ = State::kRecording;
    service.RecordDecision(caller, query.peers(), query.purpose, verdict_, decision, [this](absl::Status durable) {
      durable_ = std::move(durable);
      lane_.Ring(this);
    });
  }

  void Answer() {
    if (!verdict_.ok()) return End(common::ToGrpc(verdict_));
    if (!durable_.ok()) {
      parts_.service.refusals().Count(service::Refusal::kUnaudited);
      return End(common::ToGrpc(durable_));
    }
    const grpc::ByteBuffer answer(&answer_, 1);
    answer_ = grpc::Slice();
    slot_ = Quota::Slot();
    state_ = State::kEnding;
    responder_.Finish(answer, grpc::Status::OK, tag());
  }

  void Invalid(const absl::Status& status) {
    parts_.service.refusals().Count(service::Refusal::kInvalid);
    End(common::ToGrpc(status));
  }

  void End(const grpc::Status& status) {
    answer_ = grpc::Slice();
    slot_ = Quota::Slot();
    state_ = State::kEnding;
    responder_.FinishWithError(status, tag());
  }

  const Parts& parts_;
  Base& rpc_;
  State state_ = State::kWaiting;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  Quota::Slot slot_;
  grpc::Slice answer_;
  absl::Status verdict_;
  absl::Status durable_;
};

/// The methods that are called seldom or last long, on gRPC's callback API.
class KeyDistributionService final : public Base {
 public:
  explicit KeyDistributionService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context, const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override {
    const absl::StatusOr<Identity> caller = parts_.Identify(*context, "Register");
    if (!caller.ok()) return Answer(context, caller.status());
    if (const auto admission = parts_.Admit(**caller, Quota::Kind::kOnce); !admission.granted) {
      grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
      reactor->Finish(OverQuota(context, admission));
      return reactor;
    }
    service::Registration facts;
    facts.x2_addresses.assign(request->x2_addresses().begin(), request->x2_addresses().end());
    facts.cmpv2 = request->cmpv2();
    facts.boot_id = request->boot_id();
    for (int i = 0; i < request->anchor_spki_sha256_size(); ++i) {
      const absl::StatusOr<common::SpkiHash> anchor = common::Sha256Digest::FromBytes(request->anchor_spki_sha256(i));
      if (!anchor.ok()) {
        parts_.service.refusals().Count(service::Refusal::kInvalid);
        return Answer(context, common::WithContext(anchor.status(), common::StrCat("anchor_spki_sha256[", i, "]")));
      }
      facts.anchors.push_back(*anchor);
    }
    const absl::StatusOr<service::Registered> registered = parts_.service.Register(**caller, std::move(facts));
    if (registered.ok()) {
      response->set_henb_id((*caller)->id.str());
      response->set_lease_s(static_cast<std::uint64_t>(absl::ToInt64Seconds(registered->lease)));
      response->set_generation(registered->generation);
    }
    if (absl::IsInvalidArgument(registered.status())) parts_.service.refusals().Count(service::Refusal::kInvalid);
    return Answer(context, registered.status());
  }

  grpc::ServerWriteReactor<v1::Event>* Watch(grpc::CallbackServerContext* context,
                                             const v1::WatchRequest* request) override {
    auto* stream = new WatchStream(context, parts_.service.events(), parts_.streams);
    const absl::StatusOr<Identity> caller = parts_.Identify(*context, "Watch");
    if (caller.ok()) {
      Quota::Admission admission = parts_.Admit(**caller, Quota::Kind::kWatch);
      if (!admission.granted) {
        stream->End(OverQuota(context, admission));
        return stream;
      }
      stream->Hold(std::move(admission.slot));
    }
    const absl::Status status = caller.ok() ? parts_.service.CheckCaller(**caller) : caller.status();
    if (status.ok()) {
      context->AddInitialMetadata("watching", "1");  // The client learns by it that nothing is missed from now on.
      stream->Start((*caller)->id, request->after_revision());
    } else {
      if (caller.ok()) parts_.service.RecordRefusal(**caller, "Watch", status);
      stream->End(common::ToGrpc(status));
    }
    return stream;
  }

 private:
  const Parts& parts_;
};

/// Destroyed after the server's Shutdown: then the lanes have nothing left that they wait for.
class LaneHenbRpc final : public HenbRpc {
 public:
  LaneHenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams, Quota& quota)
      : parts_{service, gate, streams, quota}, service_(parts_) {}
  ~LaneHenbRpc() override { Stop(); }

  void AddTo(grpc::ServerBuilder& builder) override {
    builder.RegisterService(&service_);
    const unsigned count = std::clamp(std::thread::hardware_concurrency() / 2, kLeastLanes, kMostLanes);
    while (lanes_.size() < count) lanes_.push_back(std::make_unique<CallLane>(builder.AddCompletionQueue()));
  }

  void Start() override {
    for (const auto& lane : lanes_) {
      for (int i = 0; i < kWaiting; ++i) new PairKeysCall(parts_, service_, *lane);
      lane->Start();
    }
  }

  void Stop() override {
    for (const auto& lane : lanes_) lane->AwaitEnd();
    lanes_.clear();
  }

 private:
  static constexpr unsigned kLeastLanes = 1;
  static constexpr unsigned kMostLanes = 16;
  static constexpr int kWaiting = 64;  ///< Calls that a lane can be given at once.
  Parts parts_;
  KeyDistributionService service_;
  std::vector<std::unique_ptr<CallLane>> lanes_;
};

}  // namespace

std::unique_ptr<HenbRpc> MakeHenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams,
                                     service::CallQuota& quota) {
  return std::make_unique<LaneHenbRpc>(service, gate, streams, quota);
}

}  // namespace henb::keydist::rpc
