// A NEM's batch of 1,000 requests against the RA/CA's own rate (bench `nem-batch-1000`).
//
// Ours: the batch of nem-gateway, from its store on the disk to every certificate kept there. Floor: the same RA/CA
// over the same number of connections, asked for the same number of certificates by a client that does nothing but
// libcrypto's CMP: no store, no checks of its own.
#include <openssl/cmp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/nem/batch_runner.h"
#include "henb-x2sec/nem/lifecycle.h"
#include "tests/ca/http_server.h"
#include "tests/ca/test_ca.h"
#include "tests/support/temp_directory.h"

namespace henb::tests {
namespace {

constexpr int kRequests = 1000;
constexpr int kConnections = 4;
constexpr int kRounds = 3;
constexpr double kGoal = 1.25;

/// The operator, its RA/CA over HTTP on loopback, and a thousand devices' requests.
struct World {
  TestAuthority vendor = TestAuthority::Root("/O=Vendor 1/CN=Root");
  TestAuthority root = TestAuthority::Root("/O=Operator 1/CN=Root");
  TestAuthority issuer = root.Subordinate("/O=Operator 1/CN=CA");
  TestCredential nem = issuer.Issue({.subject = "/O=Operator 1/CN=NEM 1"});
  std::vector<x2sec::enrol::Pkcs10> requests;
  common::SystemClock clock;
  common::SystemRandom random;
  std::unique_ptr<TestCa> ca;
  std::unique_ptr<HttpServer> server;

  World() {
    for (int i = 0; i < kRequests; ++i) {
      const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
      const auto id = common::HenbId::Parse(common::StrCat("henb-", i, ".example")).value();
      requests.push_back(x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, key).value()).value());
    }
  }
  /// With an empty memory, for each round.
  void StartCa() {
    server.reset();
    TestCaConfig config;
    config.ca_chain = {issuer.certificate(), root.certificate()};
    config.ca_key = std::shared_ptr<EVP_PKEY>(issuer.key(), [](EVP_PKEY*) {});
    config.ra_name = "/O=Operator 1/CN=RA";
    config.vendor_roots = {vendor.certificate()};
    config.nems = {nem.certificate};
    for (const auto& request : requests) config.devices.push_back(request.identity.str());
    ca = TestCa::Create(std::move(config)).value();
    server = HttpServer::Listen("127.0.0.1", 0, [this](const std::string& body) { return ca->Handle(body); }).value();
  }
  [[nodiscard]] std::string url() const { return common::StrCat("http://127.0.0.1:", server->port(), "/pkix/"); }
  [[nodiscard]] bool AllConfirmed() const {
    const auto entries = ca->ledger().Entries();
    return entries.size() == kRequests && std::all_of(entries.begin(), entries.end(), [](const LedgerEntry& each) {
             return each.state == CertificateState::kConfirmed;
           });
  }
};

double Ours(World& world) {
  world.StartCa();
  const TempDirectory folder;
  const auto store = x2sec::nem::RequestStore::Open(folder.File("requests.db")).value();
  std::string list;
  const absl::Status filled = store->Transact([&]() -> absl::Status {
    for (const auto& pkcs10 : world.requests) {
      common::StrAppend(&list, pkcs10.identity.str(), "\n");
      RETURN_IF_ERROR(store->Put(x2sec::nem::Admit(pkcs10, {}, world.clock.Now()).value().back()));
    }
    return absl::OkStatus();
  });
  if (!filled.ok()) return -1;
  const x2sec::nem::CmpRaClient::Settings settings{.url = world.url(),
                                                   .recipient = "/O=Operator 1/CN=RA",
                                                   .operator_roots = {world.root.certificate()},
                                                   .chain = {world.nem.certificate, world.issuer.certificate()},
                                                   .key = world.nem.key,
                                                   .wait = [](absl::Duration) { return true; }};
  x2sec::nem::BatchRunner runner(
      {.store = *store,
       .ra = [&] { return x2sec::nem::CmpRaClient::Create(settings, world.clock, world.random); },
       .clock = world.clock,
       .random = world.random,
       .batch_size = kRequests,
       .connections = kConnections});
  runner.SetDevices(std::make_shared<x2sec::nem::DeviceList>(x2sec::nem::DeviceList::Parse(list).value()));
  const absl::Time start = absl::Now();
  const auto report = runner.RunOnce();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return report.ok() && report->issued == kRequests && world.AllConfirmed() ? seconds : -1;
}

OSSL_CMP_MSG* Transfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request) {
  auto* transport = static_cast<x2sec::enrol::CmpTransport*>(OSSL_CMP_CTX_get_transfer_cb_arg(context));
  unsigned char* der = nullptr;
  const int size = i2d_OSSL_CMP_MSG(request, &der);
  const auto answer =
      transport->Exchange({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}, absl::Seconds(20));
  OPENSSL_free(der);
  if (!answer.ok()) return nullptr;
  const auto* at = reinterpret_cast<const unsigned char*>(answer->data());
  return d2i_OSSL_CMP_MSG(nullptr, &at, static_cast<long>(answer->size()));
}

bool AskBare(const World& world, x2sec::enrol::CmpTransport& transport, X509_NAME* recipient, X509_REQ* pkcs10) {
  const std::unique_ptr<OSSL_CMP_CTX, decltype(&OSSL_CMP_CTX_free)> owned(OSSL_CMP_CTX_new(nullptr, nullptr),
                                                                          OSSL_CMP_CTX_free);
  OSSL_CMP_CTX* context = owned.get();
  OSSL_CMP_CTX_set_log_cb(context, [](const char*, const char*, int, OSSL_CMP_severity, const char*) { return 1; });
  OSSL_CMP_CTX_set_transfer_cb(context, Transfer);
  OSSL_CMP_CTX_set_transfer_cb_arg(context, &transport);
  OSSL_CMP_CTX_set1_recipient(context, recipient);
  OSSL_CMP_CTX_set1_cert(context, world.nem.certificate.get());
  OSSL_CMP_CTX_set1_pkey(context, world.nem.key.get());
  const auto untrusted = x2sec::enrol::StackOf({world.issuer.certificate()});
  OSSL_CMP_CTX_set1_untrusted(context, untrusted.get());
  OSSL_CMP_CTX_set0_trustedStore(context, x2sec::enrol::TrustStore({world.root.certificate()}, absl::Now()).release());
  OSSL_CMP_CTX_set1_p10CSR(context, pkcs10);
  return OSSL_CMP_exec_certreq(context, OSSL_CMP_P10CR, nullptr) != nullptr;
}

double Floor(World& world) {
  world.StartCa();
  const OpensslPtr<X509_NAME> recipient = ParseName("/O=Operator 1/CN=RA");
  std::atomic<std::size_t> next{0};
  std::atomic<int> failed{0};
  const absl::Time start = absl::Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < kConnections; ++i) {
    threads.emplace_back([&] {
      const auto transport = x2sec::enrol::HttpTransport::Create(world.url()).value();
      for (std::size_t at = next++; at < world.requests.size(); at = next++) {
        if (!AskBare(world, *transport, recipient.get(), world.requests[at].request.get())) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return failed == 0 && world.AllConfirmed() ? seconds : -1;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string Machine() {
  std::string model = "unknown processor";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  return model + ", " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " cores";
}

int Main(bool json) {
  common::ConfigureLog({.least = common::LogLevel::kAlarm, .program = "nem_bench"});
  World world;
  std::vector<double> ours;
  std::vector<double> floor;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(Ours(world));
    floor.push_back(Floor(world));
    if (ours.back() < 0 || floor.back() < 0) {
      std::cerr << "nem_bench: not every request got its certificate\n";
      return 1;
    }
  }
  const double ratio = Median(ours) / Median(floor);
  const bool ok = ratio <= kGoal;
  if (json) {
    const nlohmann::ordered_json out = {{"name", "nem-batch-1000"},
                                        {"ours", Median(ours)},
                                        {"floor", Median(floor)},
                                        {"unit", "s"},
                                        {"ratio", ratio},
                                        {"goal", kGoal},
                                        {"ok", ok},
                                        {"machine", Machine()}};
    std::cout << out.dump(2) << "\n";
  } else {
    std::printf("nem-batch-1000: %.2f s, the RA/CA's own rate %.2f s, ratio %.2f, goal %.2f, %s\n", Median(ours),
                Median(floor), ratio, kGoal, ok ? "ok" : "not reached");
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace henb::tests

int main(int argc, char** argv) {
  const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
  if (argc > 1 && !json) {
    std::cerr << "usage: nem_bench [--json]\n";
    return 2;
  }
  return henb::tests::Main(json);
}
