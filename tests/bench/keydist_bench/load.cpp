#include "tests/bench/keydist_bench/load.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "common/strings.h"

namespace henb::keydist::bench {
namespace {

constexpr char kMethod[] = "/henb.keydist.v1.KeyDistribution/GetPairKeys";

struct Run {
  std::vector<grpc::ByteBuffer> requests;
  absl::Time end;
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable idle;
  int running = 0;
  grpc::ByteBuffer last;
};

/// One call after the other.
class Slot {
 public:
  Slot(grpc::GenericStub& stub, Run& run) : stub_(stub), run_(run) {}

  void Next() {
    context_.emplace();
    begun_ = absl::Now();
    answer_.Clear();
    const grpc::ByteBuffer& request =
        run_.requests[run_.next.fetch_add(1, std::memory_order_relaxed) % run_.requests.size()];
    stub_.UnaryCall(&*context_, kMethod, grpc::StubOptions(), &request, &answer_, [this](const grpc::Status& status) {
      (status.ok() ? run_.done : run_.failed).fetch_add(1, std::memory_order_relaxed);
      const absl::Time now = absl::Now();
      took_.push_back(now - begun_);
      if (status.ok() && now < run_.end) return Next();
      const std::lock_guard lock(run_.mutex);
      run_.last.Swap(&answer_);
      if (--run_.running == 0) run_.idle.notify_one();
    });
  }

  [[nodiscard]] const std::vector<absl::Duration>& took() const { return took_; }

 private:
  grpc::GenericStub& stub_;
  Run& run_;
  absl::Time begun_;
  std::vector<absl::Duration> took_;
  std::optional<grpc::ClientContext> context_;
  grpc::ByteBuffer answer_;
};

}  // namespace

struct Load::Impl {
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
};

Load::Load(const Pki& pki, int port) : impl_(std::make_unique<Impl>()) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = pki.operator_ca.pem();
  tls.pem_cert_chain = pki.client.certificate_pem;
  tls.pem_private_key = pki.client.key_pem;
  for (int i = 0; i < kChannels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("keydist.bench.example");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    impl_->stubs.push_back(std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(common::StrCat("127.0.0.1:", port), grpc::SslCredentials(tls), arguments)));
  }
}

Load::~Load() = default;

Load::Result Load::Run(const std::vector<std::string>& requests, absl::Duration duration, int in_flight) {
  bench::Run run;
  for (const std::string& request : requests) {
    const grpc::Slice slice(request);
    run.requests.emplace_back(&slice, 1);
  }
  std::vector<std::unique_ptr<Slot>> slots;
  for (int i = 0; i < in_flight; ++i) slots.push_back(std::make_unique<Slot>(*impl_->stubs[i % kChannels], run));
  run.running = in_flight;
  const absl::Time start = absl::Now();
  run.end = start + duration;
  for (const auto& slot : slots) slot->Next();
  std::unique_lock lock(run.mutex);
  run.idle.wait(lock, [&] { return run.running == 0; });
  Result result;
  result.calls_per_second = static_cast<double>(run.done.load()) / absl::ToDoubleSeconds(absl::Now() - start);
  result.failed = run.failed.load();
  std::vector<absl::Duration> took;
  for (const auto& slot : slots) took.insert(took.end(), slot->took().begin(), slot->took().end());
  std::sort(took.begin(), took.end());
  if (!took.empty()) {
    result.p50 = took[took.size() / 2];
    result.p99 = took[took.size() * 99 / 100];
  }
  grpc::Slice slice;
  if (run.last.DumpToSingleSlice(&slice).ok()) {
    result.last_answer.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return result;
}

}  // namespace henb::keydist::bench
