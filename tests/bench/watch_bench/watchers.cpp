#include "tests/bench/watch_bench/watchers.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "common/strings.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"

namespace henb::keydist::bench {
namespace {

constexpr std::size_t kOpening = 64;  // Handshakes under way at a time.
constexpr auto kPatience = std::chrono::minutes(1);

/// What all watchers of a server have in common.
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t standing = 0;
  std::size_t ended = 0;
  std::atomic<std::uint64_t> events{0};

  template <typename Condition>
  bool Wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, condition);
  }
  void Count(std::size_t* what) {
    {
      const std::lock_guard lock(mutex);
      ++*what;
    }
    changed.notify_all();
  }
};

class One final : public grpc::ClientReadReactor<v1::Event> {
 public:
  One(Shared& shared, const std::string& address, const std::string& root, const test::Identity& identity)
      : shared_(shared) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = root;
    tls.pem_cert_chain = identity.certificate_pem;
    tls.pem_private_key = identity.key_pem;
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("keydist.bench.example");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::KeyDistribution::NewStub(grpc::CreateCustomChannel(address, grpc::SslCredentials(tls), arguments));
    context_.set_wait_for_ready(true);
    stub_->async()->Watch(&context_, &request_, this);
    StartRead(&event_);
    StartCall();
  }
  void OnReadInitialMetadataDone(bool ok) override {
    if (ok) shared_.Count(&shared_.standing);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    shared_.events.fetch_add(1, std::memory_order_relaxed);
    StartRead(&event_);
  }
  void OnDone(const grpc::Status&) override { shared_.Count(&shared_.ended); }
  void End() { context_.TryCancel(); }

 private:
  Shared& shared_;
  std::unique_ptr<v1::KeyDistribution::Stub> stub_;
  grpc::ClientContext context_;
  v1::WatchRequest request_;
  v1::Event event_;
};

}  // namespace

struct Watchers::Impl {
  std::string address;
  std::string root;
  Shared shared;
  std::vector<std::unique_ptr<One>> all;
};

Watchers::Watchers(int port, std::string server_root_pem) : impl_(std::make_unique<Impl>()) {
  impl_->address = common::StrCat("127.0.0.1:", port);
  impl_->root = std::move(server_root_pem);
}

Watchers::~Watchers() { Disconnect(); }

absl::Duration Watchers::Connect(const std::vector<test::Identity>& identities, std::size_t from, std::size_t to) {
  Shared& shared = impl_->shared;
  const absl::Time start = absl::Now();
  for (std::size_t i = from; i < to; ++i) {
    const std::size_t opened = impl_->all.size();
    if (!shared.Wait([&] { return opened - shared.standing < kOpening; })) return -absl::InfiniteDuration();
    impl_->all.push_back(std::make_unique<One>(shared, impl_->address, impl_->root, identities[i]));
  }
  for (std::size_t before = 0;;) {
    if (shared.Wait([&] { return shared.standing >= impl_->all.size(); })) return absl::Now() - start;
    const std::lock_guard lock(shared.mutex);
    if (shared.standing == std::exchange(before, shared.standing)) return -absl::InfiniteDuration();
  }
}

std::uint64_t Watchers::events() const { return impl_->shared.events.load(); }

bool Watchers::Await(std::uint64_t events) const {
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (impl_->shared.events.load(std::memory_order_relaxed) < events) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

void Watchers::Disconnect() {
  for (const auto& one : impl_->all) one->End();
  Shared& shared = impl_->shared;
  (void)shared.Wait([&] { return shared.ended >= impl_->all.size(); });
  impl_->all.clear();
  const std::lock_guard lock(shared.mutex);
  shared.standing = 0;
  shared.ended = 0;
}

}  // namespace henb::keydist::bench
