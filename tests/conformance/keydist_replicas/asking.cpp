#include "asking.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "common/strings.h"

namespace henb::keydist::test {
namespace {

constexpr absl::Duration kDeadline = absl::Milliseconds(1500);
constexpr absl::Duration kBetween = absl::Milliseconds(40);

}  // namespace

Asking::Asking(ReplicaWorld& world, const Replica& replica, KeyRecorder& recorder)
    : recorder_(recorder), by_(replica.config.audit_replica) {
  for (const char* name : {"a.example", "b.example", "d.example"}) {
    const Identity& identity = world.identity(name);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = world.base.operator_ca.pem();
    options.pem_cert_chain = identity.certificate_pem;
    options.pem_private_key = identity.key_pem;
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("keydist.example");
    arguments.SetInt("grpc.testing.own_channel", replica.port());
    henbs_.push_back(
        {name, v1::KeyDistribution::NewStub(grpc::CreateCustomChannel(common::StrCat("127.0.0.1:", replica.port()),
                                                                      grpc::SslCredentials(options), arguments))});
  }
  thread_ = std::thread([this] { Run(); });
}

Asking::~Asking() {
  stopping_ = true;
  thread_.join();
}

void Asking::Run() {
  while (true) {
    for (const v1::Purpose purpose : {v1::IKE_PSK, v1::PPK}) {
      for (const Henb& henb : henbs_) {
        if (stopping_) return;
        Ask(henb, purpose);
        absl::SleepFor(kBetween);
      }
    }
  }
}

void Asking::Ask(const Henb& henb, v1::Purpose purpose) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  v1::GetPairKeysRequest request;
  for (const Henb& peer : henbs_) {
    if (peer.name != henb.name) request.add_peers(peer.name);
  }
  request.set_purpose(purpose);
  v1::GetPairKeysResponse response;
  const grpc::Status status = henb.stub->GetPairKeys(&context, request, &response);
  int keys = 0;
  for (const v1::PairResult& result : response.results()) {
    if (!result.has_keys()) continue;
    for (const v1::PairKey* key :
         {&result.keys().current(), result.keys().has_next() ? &result.keys().next() : nullptr}) {
      if (key == nullptr) continue;
      ++keys;
      recorder_.Record({.caller = henb.name,
                        .peer = result.peer(),
                        .epoch = key->epoch(),
                        .generation_local = key->gen_local(),
                        .generation_peer = key->gen_peer(),
                        .purpose = purpose,
                        .key = key->key()},
                       by_);
    }
  }
  const std::lock_guard lock(mutex_);
  const absl::Time now = absl::Now();
  if (keys > 0) {
    longest_gap_ = std::max(longest_gap_, now - last_key_);
    last_key_ = now;
    keys_ += keys;
  } else if (!status.ok()) {
    ++refusals_[status.error_code()];
    last_refusal_ = status.error_message();
  }
}

absl::Duration Asking::longest_gap() const {
  const std::lock_guard lock(mutex_);
  return std::max(longest_gap_, absl::Now() - last_key_);
}

absl::Time Asking::last_key() const {
  const std::lock_guard lock(mutex_);
  return last_key_;
}

void Asking::Restart() {
  const std::lock_guard lock(mutex_);
  longest_gap_ = absl::ZeroDuration();
  last_key_ = absl::Now();
  refusals_.clear();
  last_refusal_.clear();
  keys_ = 0;
}

std::map<int, int> Asking::refusals() const {
  const std::lock_guard lock(mutex_);
  return refusals_;
}

std::string Asking::last_refusal() const {
  const std::lock_guard lock(mutex_);
  return last_refusal_;
}

int Asking::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

v1::KeyDistribution::Stub& Asking::stub(std::string_view henb) const {
  const auto found = std::find_if(henbs_.begin(), henbs_.end(), [&](const Henb& each) { return each.name == henb; });
  return *found->stub;
}

}  // namespace henb::keydist::test
