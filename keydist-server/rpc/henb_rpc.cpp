#include "keydist-server/rpc/henb_rpc.h"

#include <grpcpp/support/byte_buffer.h>

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
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
grpc::Status OverQuota(grpc::CallbackServerContext* context, const Quota::Admission& admission) {
  const std::int64_t after_ms = absl::ToInt64Milliseconds(absl::Ceil(admission.retry_after, absl::Milliseconds(1)));
  context->AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(after_ms));
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, std::string(admission.why)};
}

/// One GetPairKeys call; owns itself until it has finished. The keys lie in `answer_` while the audit record is on its
/// way to the disk; they get into gRPC's hands only when it is there. It finishes gRPC's own reactor: gRPC hands the
/// end of a call with any other to a thread of its own, which costs more than all that is done here.
class PairKeysCall final {
 public:
  PairKeysCall(service::KeyService& service, Quota& quota, grpc::ServerUnaryReactor* reactor,
               const grpc::ByteBuffer& request, grpc::ByteBuffer* response)
      : service_(service), quota_(quota), reactor_(reactor), response_(response) {
    if (!request.TrySingleSlice(&request_).ok() && !request.DumpToSingleSlice(&request_).ok()) request_ = grpc::Slice();
  }

  void Run(grpc::CallbackServerContext* context, const Identity& caller) {
    const std::string_view message(reinterpret_cast<const char*>(request_.begin()), request_.size());
    PairKeysQuery query;
    const absl::Status read = ReadPairKeysQuery(message, &query);
    Quota::Admission admission = quota_.Admit(
        *caller, Quota::Kind::kCall, read.ok() ? static_cast<std::int64_t>(query.count) : 1, service_.clock().Steady());
    if (!admission.granted) return Finish(OverQuota(context, admission));
    service_.NoteCall();
    slot_ = std::move(admission.slot);
    if (!read.ok()) return Invalid(read);
    service::Decision decision;
    const absl::Status verdict = service_.Decide(*caller, query.peers(), &decision);
    if (verdict.ok()) {
      for (std::size_t i = 0; i < query.count; ++i) {
        if (decision.peers[i].verdict != domain::PairVerdict::kNotAllowed) continue;  // A known name is well-formed.
        if (absl::Status bad = common::HenbId::Parse(query.names[i]).status(); !bad.ok()) {
          return Invalid(common::WithContext(bad, common::StrCat("peers[", i, "]")));
        }
      }
      answer_ = WritePairKeysAnswer(caller->id.str(), query, decision);
    }
    service_.RecordDecision(*caller, query.peers(), query.purpose, verdict, decision,
                            [this, verdict](const absl::Status& durable) {
                              if (!verdict.ok()) return Finish(common::ToGrpc(verdict));
                              if (!durable.ok()) {
                                service_.refusals().Count(service::Refusal::kUnaudited);
                                return Finish(common::ToGrpc(durable));
                              }
                              *response_ = grpc::ByteBuffer(&answer_, 1);
                              answer_ = grpc::Slice();
                              Finish(grpc::Status::OK);
                            });
  }

 private:
  /// The last that is done with this call.
  void Finish(const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = reactor_;
    delete this;
    reactor->Finish(status);
  }

  void Invalid(const absl::Status& status) {
    service_.refusals().Count(service::Refusal::kInvalid);
    Finish(common::ToGrpc(status));
  }

  service::KeyService& service_;
  Quota& quota_;
  Quota::Slot slot_;
  grpc::ServerUnaryReactor* reactor_;
  grpc::ByteBuffer* response_;
  grpc::Slice request_;
  grpc::Slice answer_;
};

using Base = v1::KeyDistribution::WithRawCallbackMethod_GetPairKeys<v1::KeyDistribution::WithCallbackMethod_Register<
    v1::KeyDistribution::WithCallbackMethod_Watch<v1::KeyDistribution::Service>>>;

class HenbRpc final : public Base {
 public:
  HenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams, Quota& quota)
      : service_(service), gate_(gate), streams_(streams), quota_(quota) {}

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context, const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override {
    const absl::StatusOr<Identity> caller = Identify(*context, "Register");
    if (!caller.ok()) return Answer(context, caller.status());
    if (const auto admission = Admit(**caller, Quota::Kind::kOnce); !admission.granted) {
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
        service_.refusals().Count(service::Refusal::kInvalid);
        return Answer(context, common::WithContext(anchor.status(), common::StrCat("anchor_spki_sha256[", i, "]")));
      }
      facts.anchors.push_back(*anchor);
    }
    const absl::StatusOr<service::Registered> registered = service_.Register(**caller, std::move(facts));
    if (registered.ok()) {
      response->set_henb_id((*caller)->id.str());
      response->set_lease_s(static_cast<std::uint64_t>(absl::ToInt64Seconds(registered->lease)));
      response->set_generation(registered->generation);
    }
    if (absl::IsInvalidArgument(registered.status())) service_.refusals().Count(service::Refusal::kInvalid);
    return Answer(context, registered.status());
  }

  grpc::ServerUnaryReactor* GetPairKeys(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    const absl::StatusOr<Identity> caller = Identify(*context, "GetPairKeys");
    if (!caller.ok()) return Answer(context, caller.status());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    (new PairKeysCall(service_, quota_, reactor, *request, response))->Run(context, *caller);
    return reactor;
  }

  grpc::ServerWriteReactor<v1::Event>* Watch(grpc::CallbackServerContext* context,
                                             const v1::WatchRequest* request) override {
    auto* stream = new WatchStream(context, service_.events(), streams_);
    const absl::StatusOr<Identity> caller = Identify(*context, "Watch");
    if (caller.ok()) {
      Quota::Admission admission = Admit(**caller, Quota::Kind::kWatch);
      if (!admission.granted) {
        stream->End(OverQuota(context, admission));
        return stream;
      }
      stream->Hold(std::move(admission.slot));
    }
    const absl::Status status = caller.ok() ? service_.CheckCaller(**caller) : caller.status();
    if (status.ok()) {
      context->AddInitialMetadata("watching", "1");  // The client learns by it that nothing is missed from now on.
      stream->Start((*caller)->id, request->after_revision());
    } else {
      if (caller.ok()) service_.RecordRefusal(**caller, "Watch", status);
      stream->End(common::ToGrpc(status));
    }
    return stream;
  }

 private:
  /// Those without an identity share one quota; over it, their refusals leave no record.
  absl::StatusOr<Identity> Identify(const grpc::CallbackServerContext& context, std::string_view call) {
    absl::StatusOr<Identity> caller = gate_.Admit(context);
    if (caller.ok()) return caller;
    service_.refusals().Count(absl::IsPermissionDenied(caller.status()) ? service::Refusal::kAddress
                                                                        : service::Refusal::kCertificate);
    if (Admit({}, Quota::Kind::kOnce).granted) service_.RecordRefusal({}, call, caller.status());
    return caller;
  }
  Quota::Admission Admit(const service::CallerIdentity& caller, Quota::Kind kind) {
    Quota::Admission admission = quota_.Admit(caller, kind, 1, service_.clock().Steady());
    if (admission.granted) service_.NoteCall();
    return admission;
  }

  service::KeyService& service_;
  PeerGate& gate_;
  WatchStreams& streams_;
  Quota& quota_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeHenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams,
                                           service::CallQuota& quota) {
  return std::make_unique<HenbRpc>(service, gate, streams, quota);
}

}  // namespace henb::keydist::rpc
