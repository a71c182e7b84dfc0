// TGS requests to a KDC from some threads for some seconds; prints how many were answered a second. The floor of
// against-krb5-tgs: what a site would use today where a third party hands two parties a key.
//
// krb5_load KRB5_CONF SECONDS: the client is "client", its password "bench"; services are svc/0 … svc/63.
#include <krb5/krb5.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 8;
constexpr int kServices = 64;
using Clock = std::chrono::steady_clock;

struct Count {
  std::atomic<long> answered{0};
  std::atomic<long> failed{0};
};

/// One client: a ticket for the KDC, then a service's ticket after the other, none kept.
void Ask(int number, Clock::time_point end, Count* count) {
  krb5_context context = nullptr;
  krb5_principal client = nullptr;
  krb5_ccache cache = nullptr;
  krb5_creds ticket{};
  const std::string name = "MEMORY:load" + std::to_string(number);
  if (krb5_init_context(&context) != 0 || krb5_parse_name(context, "client", &client) != 0 ||
      krb5_get_init_creds_password(context, &ticket, client, "bench", nullptr, nullptr, 0, nullptr, nullptr) != 0 ||
      krb5_cc_resolve(context, name.c_str(), &cache) != 0 || krb5_cc_initialize(context, cache, client) != 0 ||
      krb5_cc_store_cred(context, cache, &ticket) != 0) {
    count->failed.fetch_add(1);
    return;
  }
  for (int i = number; Clock::now() < end; ++i) {
    krb5_creds wanted{};
    krb5_creds* given = nullptr;
    wanted.client = client;
    const std::string service = "svc/" + std::to_string(i % kServices);
    if (krb5_parse_name(context, service.c_str(), &wanted.server) != 0 ||
        krb5_get_credentials(context, KRB5_GC_NO_STORE, cache, &wanted, &given) != 0) {
      count->failed.fetch_add(1);
      return;
    }
    count->answered.fetch_add(1, std::memory_order_relaxed);
    krb5_free_principal(context, wanted.server);
    krb5_free_creds(context, given);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || setenv("KRB5_CONFIG", argv[1], 1) != 0) return 2;
  const auto start = Clock::now();
  const auto end = start + std::chrono::seconds(std::atoi(argv[2]));
  Count count;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(Ask, i, end, &count);
  for (std::thread& thread : threads) thread.join();
  if (count.failed > 0) return 1;
  const std::chrono::duration<double> took = Clock::now() - start;
  std::printf("%.0f\n", static_cast<double>(count.answered) / took.count());
  return 0;
}
