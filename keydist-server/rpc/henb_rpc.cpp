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

/// One GetPairKeys call. The keys lie in `answer_` while the audit record is on its way to the disk; they get into
/// gRPC's hands only when it is there.
class PairKeysCall final : public grpc::ServerUnaryReactor {
 public:
  PairKeysCall(service::KeyService& service, const grpc::ByteBuffer& request, grpc::ByteBuffer* response)
      : service_(service), response_(response) {
    if (!request.TrySingleSlice(&request_).ok() && !request.DumpToSingleSlice(&request_).ok()) request_ = grpc::Slice();
  }

  void Run(const Identity& caller) {
    const std::string_view message(reinterpret_cast<const char*>(request_.begin()), request_.size());
    PairKeysQuery query;
    if (absl::Status status = ReadPairKeysQuery(message, &query); !status.ok()) return Finish(common::ToGrpc(status));
    service::Decision decision;
    const absl::Status verdict = service_.Decide(*caller, query.peers(), &decision);
    if (verdict.ok()) {
      for (std::size_t i = 0; i < query.count; ++i) {
        if (decision.peers[i].verdict != domain::PairVerdict::kNotAllowed) continue;  // A known name is well-formed.
        if (absl::Status bad = common::HenbId::Parse(query.names[i]).status(); !bad.ok()) {
          return Finish(common::ToGrpc(common::WithContext(bad, common::StrCat("peers[", i, "]"))));
        }
      }
      answer_ = WritePairKeysAnswer(caller->id.str(), query, decision);
    }
    service_.RecordDecision(*caller, query.peers(), query.purpose, verdict, decision,
                            [this, verdict](const absl::Status& durable) {
                              if (!verdict.ok()) return Finish(common::ToGrpc(verdict));
                              if (!durable.ok()) return Finish(common::ToGrpc(durable));
                              *response_ = grpc::ByteBuffer(&answer_, 1);
                              answer_ = grpc::Slice();
                              Finish(grpc::Status::OK);
                            });
  }

  void OnDone() override { delete this; }

 private:
  service::KeyService& service_;
  grpc::ByteBuffer* response_;
  grpc::Slice request_;
  grpc::Slice answer_;
};

using Base = v1::KeyDistribution::WithRawCallbackMethod_GetPairKeys<v1::KeyDistribution::WithCallbackMethod_Register<
    v1::KeyDistribution::WithCallbackMethod_Watch<v1::KeyDistribution::Service>>>;

class HenbRpc final : public Base {
 public:
  HenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams)
      : service_(service), gate_(gate), streams_(streams) {}

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context, const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override {
    const absl::StatusOr<Identity> caller = Admit(*context, "Register");
    if (!caller.ok()) return Answer(context, caller.status());
    service::Registration facts;
    facts.x2_addresses.assign(request->x2_addresses().begin(), request->x2_addresses().end());
    facts.cmpv2 = request->cmpv2();
    facts.boot_id = request->boot_id();
    for (int i = 0; i < request->anchor_spki_sha256_size(); ++i) {
      const absl::StatusOr<common::SpkiHash> anchor = common::Sha256Digest::FromBytes(request->anchor_spki_sha256(i));
      if (!anchor.ok()) {
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
    return Answer(context, registered.status());
  }

  grpc::ServerUnaryReactor* GetPairKeys(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    const absl::StatusOr<Identity> caller = Admit(*context, "GetPairKeys");
    if (!caller.ok()) return Answer(context, caller.status());
    auto* call = new PairKeysCall(service_, *request, response);
    call->Run(*caller);
    return call;
  }

  grpc::ServerWriteReactor<v1::Event>* Watch(grpc::CallbackServerContext* context,
                                             const v1::WatchRequest* request) override {
    auto* stream = new WatchStream(service_.events(), streams_);
    const absl::StatusOr<Identity> caller = Admit(*context, "Watch");
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
  absl::StatusOr<Identity> Admit(const grpc::CallbackServerContext& context, std::string_view call) {
    absl::StatusOr<Identity> caller = gate_.Admit(context);
    if (!caller.ok()) service_.RecordRefusal({}, call, caller.status());
    return caller;
  }

  service::KeyService& service_;
  PeerGate& gate_;
  WatchStreams& streams_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeHenbRpc(service::KeyService& service, PeerGate& gate, WatchStreams& streams) {
  return std::make_unique<HenbRpc>(service, gate, streams);
}

}  // namespace henb::keydist::rpc
