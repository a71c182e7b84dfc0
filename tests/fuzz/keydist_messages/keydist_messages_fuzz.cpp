// Messages of the key service: the hand-written reader and writer of GetPairKeys against the generated classes,
// Register and the audit chain, over a service with a store in memory. The first octet picks the message.
#include <grpcpp/support/slice.h>

#include <cstdlib>

#include "common/log.h"
#include "henb/keydist/v1/keydist.pb.h"
#include "keydist-server/rpc/pair_keys_wire.h"
#include "keydist-server/service/operator_desk.h"
#include "keydist-server/store/memory_store.h"

namespace {

using namespace henb::keydist;  // NOLINT(google-build-using-namespace)

void Require(bool holds) {
  if (!holds) std::abort();
}

/// Renders and checks every record: outside text must not break the chain.
class CheckingAuditLog final : public store::AuditLog {
 public:
  void Append(const domain::AuditRecord& record, Done done) override {
    std::string line;
    const domain::ChainHead next = domain::AppendLine(head_, record, &line);
    Require(line.find('\n') == line.size() - 1);
    line.pop_back();
    const auto checked = domain::CheckLine(head_, line);
    Require(checked.ok() && *checked == next);
    head_ = next;
    done(absl::OkStatus());
  }
  absl::Status health() const override { return absl::OkStatus(); }
  domain::ChainHead head() const override { return head_; }
  absl::StatusOr<std::vector<std::string>> Last(std::size_t) const override { return std::vector<std::string>(); }

 private:
  domain::ChainHead head_;
};

struct World {
  World() {
    henb::common::ConfigureLog({.json = false, .least = henb::common::LogLevel::kAlarm, .program = "fuzz"});
    Require(service.Start().ok());
    for (const char* id : {"a.example", "b.example", "c.example"}) {
      domain::HenbRecord record;
      record.id = *henb::common::HenbId::Parse(id);
      record.anchors = {caller.anchor};
      record.groups = {"x"};
      Require(desk.Add(record).ok());
    }
    Require(desk.Suspend(*henb::common::HenbId::Parse("c.example")).ok());
    Require(desk.AdvanceEpoch(absl::Minutes(1)).ok());
  }
  store::MemoryStore store;
  CheckingAuditLog audit;
  henb::common::FakeClock clock;
  henb::common::FakeRandom random;
  service::KeyService service{store, audit, clock, random, *domain::RootSealer::Make(henb::common::SecretBytes(32)),
                              {}};
  service::OperatorDesk desk{service};
  service::CallerIdentity caller{henb::common::Sha256Digest::Of("anchor"), *henb::common::HenbId::Parse("a.example")};
};

void GetPairKeys(World& world, std::string_view message) {
  rpc::PairKeysQuery query;
  if (!rpc::ReadPairKeysQuery(message, &query).ok()) return;
  // Whatever the reader takes, the generated class reads the same way, but for its check of UTF-8.
  v1::GetPairKeysRequest generated;
  if (generated.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    Require(generated.peers_size() == static_cast<int>(query.count));
    for (std::size_t i = 0; i < query.count; ++i) Require(generated.peers(static_cast<int>(i)) == query.names[i]);
  }
  service::Decision decision;
  const absl::Status verdict = world.service.Decide(world.caller, query.peers(), &decision);
  Require(verdict.ok());
  const grpc::Slice answer = rpc::WritePairKeysAnswer(world.caller.id.str(), query, decision);
  v1::GetPairKeysResponse response;
  const bool parsed = response.ParseFromArray(answer.begin(), static_cast<int>(answer.size()));
  if (parsed) {
    Require(response.results_size() == static_cast<int>(query.count));
    for (const v1::PairResult& result : response.results()) {
      // Only the one neighbour gets keys.
      Require(result.has_keys() == (result.peer() == "b.example"));
    }
  }
  world.service.RecordDecision(world.caller, query.peers(), query.purpose, verdict, decision,
                               [](const absl::Status&) {});
}

void Register(World& world, std::string_view message) {
  v1::RegisterRequest request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) return;
  service::Registration facts;
  facts.x2_addresses.assign(request.x2_addresses().begin(), request.x2_addresses().end());
  facts.boot_id = request.boot_id();
  for (const std::string& bytes : request.anchor_spki_sha256()) {
    const auto anchor = henb::common::Sha256Digest::FromBytes(bytes);
    if (!anchor.ok()) return;
    facts.anchors.push_back(*anchor);
  }
  world.service.Register(world.caller, std::move(facts)).IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      GetPairKeys(world, message);
      break;
    case 1:
      Register(world, message);
      break;
    default:
      domain::CheckLine({}, message, /*anywhere=*/true).IgnoreError();
      break;
  }
  return 0;
}
