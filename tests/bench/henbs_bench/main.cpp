// henbs-1m: what a key service with a million registered HeNBs costs beside one with a thousand: p99 of a call, in
// turns, both standing at the same time. Also, for docs/performance.md, how the start, the memory and a call grow with
// the HeNBs and with the operator's exceptions for pairs (--points FILE).
//
// The whole server, with SQLite and the durable audit log, in a process of its own for each size.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/file.h"
#include "common/log.h"
#include "common/process_runner.h"
#include "common/random.h"
#include "common/rpc/grpc_process.h"
#include "common/strings.h"
#include "henb/keydist/v1/keydist.pb.h"
#include "keydist-server/app/program.h"
#include "keydist-server/store/sqlite_store.h"
#include "tests/bench/keydist_bench/load.h"

namespace henb::keydist::bench {
namespace {

constexpr int kInFlightHere = 8;
constexpr int kSite = 32;            ///< HeNBs of a group.
constexpr int kExceptionEvery = 10;  ///< One exception for as many HeNBs.
constexpr double kGoal = 1.5;

std::string Name(int number) {
  char text[48];
  std::snprintf(text, sizeof text, "henb-%07d.bench.example", number);
  return text;
}

/// What a server tells when it stands.
struct Standing {
  int port = 0;
  double start_seconds = 0;
  double resident_kib = 0;
};

double ResidentKib() {
  std::ifstream statm("/proc/self/statm");
  long total = 0;
  long resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
}

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "henbs_bench: %s\n", std::string(status.message()).c_str());
  _exit(1);
}

/// The store as an import would have left it.
void Fill(const Pki& pki, const std::string& path, int henbs) {
  auto store = store::SqliteStore::Open(path);
  Require(store.status());
  std::vector<domain::HenbRecord> records;
  records.reserve(static_cast<std::size_t>(henbs) + 1);
  const auto add = [&](const std::string& name, std::vector<std::string> groups) {
    domain::HenbRecord record;
    record.id = *common::HenbId::Parse(name);
    record.anchors = {pki.vendor.spki()};
    record.groups = std::move(groups);
    records.push_back(std::move(record));
  };
  add("henb-0000.bench.example", {"all"});  // Who asks.
  std::vector<std::pair<domain::PairId, domain::PairRule>> pairs;
  for (int i = 0; i < henbs; ++i) {
    add(Name(i), {"all", common::StrCat("site-", i / kSite)});
    if (i == 0 || i % kExceptionEvery != 0) continue;
    pairs.emplace_back(*domain::PairId::Of(*common::HenbId::Parse(Name(i - 1)), *common::HenbId::Parse(Name(i))),
                       domain::PairRule::kDeny);
  }
  Require((*store)->Fill(records, pairs, 0));
}

void Serve(const Pki& pki, const std::string& folder, int report, int orders) {
  common::ConfigureLog({.least = common::LogLevel::kAlarm, .program = "henbs_bench"});
  common::PrepareForGrpc();
  const auto write_file = [&](const std::string& name, const std::string& text) {
    Require(common::WriteFileAtomically(folder + "/" + name, text, 0600));
    return folder + "/" + name;
  };
  app::Config config;
  config.listen_address = *common::IpAddress::Parse("127.0.0.1");
  config.listen_port = 0;
  config.placement = app::Placement::kBehindSegw;
  config.inner_pool = {*common::Cidr::Parse("127.0.0.0/8")};
  config.certificate = write_file("server.pem", pki.server.certificate_pem);
  config.key = write_file("server.key", pki.server.key_pem);
  config.anchors = {write_file("operator.pem", pki.operator_ca.pem()), write_file("vendor.pem", pki.vendor.pem())};
  config.state_dir = folder + "/state";
  config.run_dir = folder + "/run";
  config.audit_path = config.state_dir + "/audit.jsonl";
  config.audit_heads_path = config.state_dir + "/audit-heads.jsonl";
  config.audit_heads_key = config.state_dir + "/audit-heads.key";
  config.kek = write_file("kek", std::string(32, 'k'));
  config.admin_group.clear();
  config.status_group.clear();
  // Measured, never reached: one HeNB asks for what thousands would.
  config.quota = {.calls_per_second = 1'000'000'000, .burst = 1 << 30, .concurrent = 1 << 20};
  config.new_connections_per_second = 1'000'000;
  config.connections_per_address = 1'000'000;
  const common::SystemClock clock;
  common::SystemRandom random;
  common::SystemProcessRunner runner;
  const absl::Time begun = absl::Now();
  auto program = app::Program::Start(config, clock, random, runner);
  Require(program.status());
  const Standing standing{.port = (*program)->port(),
                          .start_seconds = absl::ToDoubleSeconds(absl::Now() - begun),
                          .resident_kib = ResidentKib()};
  if (write(report, &standing, sizeof standing) != static_cast<ssize_t>(sizeof standing)) std::abort();
  char octet = 0;
  while (read(orders, &octet, 1) > 0) {
  }
  (*program)->Drain(absl::Seconds(5));
}

/// Runs `job` in a process of its own; made before this one has threads.
template <typename Job>
pid_t Fork(Job job) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  job();
  std::fflush(nullptr);
  _exit(0);
}

struct Server {
  int henbs = 0;
  pid_t pid = 0;
  int orders = -1;
  Standing standing;

  static Server Start(const Pki& pki, const std::string& folder, int henbs) {
    Server made;
    made.henbs = henbs;
    int report[2];
    int orders[2];
    if (pipe(report) != 0 || pipe(orders) != 0) std::abort();
    const std::string own = common::StrCat(folder, "/", henbs);
    std::filesystem::create_directories(own + "/state");
    chmod((own + "/state").c_str(), 0700);
    const pid_t filling = Fork([&] { Fill(pki, own + "/state/keydist.db", henbs); });
    int status = 0;
    if (waitpid(filling, &status, 0) != filling || status != 0) std::exit(1);
    made.pid = Fork([&] {
      close(report[0]);
      close(orders[1]);
      Serve(pki, own, report[1], orders[0]);
    });
    close(report[1]);
    close(orders[0]);
    made.orders = orders[1];
    if (read(report[0], &made.standing, sizeof made.standing) != static_cast<ssize_t>(sizeof made.standing)) {
      std::exit(1);
    }
    close(report[0]);
    std::fprintf(stderr, "%7d HeNBs: started in %.2f s, %.0f MiB resident\n", henbs, made.standing.start_seconds,
                 made.standing.resident_kib / 1024);
    return made;
  }
  void Stop() const {
    close(orders);
    waitpid(pid, nullptr, 0);
  }
};

/// For one peer each, spread over all.
std::vector<std::string> Requests(int henbs) {
  std::vector<std::string> requests;
  for (int i = 0; i < 4096; ++i) {
    v1::GetPairKeysRequest request;
    request.set_purpose(v1::IKE_PSK);
    request.add_peers(Name(static_cast<int>(static_cast<std::int64_t>(i) * 7919 % henbs)));
    requests.push_back(request.SerializeAsString());
  }
  return requests;
}

struct Figures {
  std::vector<double> p50_ms;
  std::vector<double> p99_ms;
  std::vector<double> calls_per_second;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  bool json = false;
  std::vector<int> sizes = {1'000, 10'000, 100'000, 1'000'000};
  int rounds = 5;
  std::string points;
  std::string folder = "/var/tmp";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--quick") {
      sizes = {1'000, 20'000};
      rounds = 3;
    } else if (argument == "--points" && i + 1 < argc) {
      points = argv[++i];
    } else if (argument == "--dir" && i + 1 < argc) {
      folder = argv[++i];
    } else {
      std::fprintf(stderr, "henbs_bench [--json] [--quick] [--points FILE] [--dir FOLDER-ON-A-REAL-DISK]\n");
      return 2;
    }
  }
  const Pki pki;
  folder += "/henbs-bench-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  std::vector<Server> servers;
  for (const int size : sizes) servers.push_back(Server::Start(pki, folder, size));
  std::vector<Figures> figures(servers.size());
  bool failed = false;
  for (int round = 0; round < rounds && !failed; ++round) {
    for (std::size_t i = 0; i < servers.size() && !failed; ++i) {
      Load load(pki, servers[i].standing.port);
      const std::vector<std::string> requests = Requests(servers[i].henbs);
      failed = load.Run(requests, absl::Milliseconds(300), kInFlightHere).failed > 0;
      const Load::Result result = load.Run(requests, absl::Seconds(2), kInFlightHere);
      failed = failed || result.failed > 0;
      figures[i].p50_ms.push_back(absl::ToDoubleMilliseconds(result.p50));
      figures[i].p99_ms.push_back(absl::ToDoubleMilliseconds(result.p99));
      figures[i].calls_per_second.push_back(result.calls_per_second);
    }
  }
  for (auto server = servers.rbegin(); server != servers.rend(); ++server) server->Stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (failed) {
    std::fprintf(stderr, "henbs_bench: calls failed\n");
    return 1;
  }
  nlohmann::ordered_json grown = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < servers.size(); ++i) {
    grown.push_back({{"henbs", servers[i].henbs},
                     {"exceptions", servers[i].henbs / kExceptionEvery},
                     {"start_s", servers[i].standing.start_seconds},
                     {"resident_mib", servers[i].standing.resident_kib / 1024},
                     {"p50_ms", Median(figures[i].p50_ms)},
                     {"p99_ms", Median(figures[i].p99_ms)},
                     {"calls_per_second", Median(figures[i].calls_per_second)}});
    std::fprintf(stderr, "%7d HeNBs: p50 %.2f ms, p99 %.2f ms, %.0f calls/s\n", servers[i].henbs,
                 Median(figures[i].p50_ms), Median(figures[i].p99_ms), Median(figures[i].calls_per_second));
  }
  if (!points.empty()) std::ofstream(points) << grown.dump(1) << "\n";
  const double ours = Median(figures.back().p99_ms);
  const double floor = Median(figures.front().p99_ms);
  const bool ok = ours <= kGoal * floor;
  const std::string name = sizes.back() == 1'000'000 ? "henbs-1m" : common::StrCat("henbs-", sizes.back());
  const nlohmann::ordered_json row = {{"name", name},          {"ours", ours},  {"floor", floor}, {"unit", "ms"},
                                      {"ratio", ours / floor}, {"goal", kGoal}, {"ok", ok}};
  if (json) {
    std::printf("%s\n", row.dump(2).c_str());
  } else {
    std::printf("%s: p99 %.2f ms, with a thousand %.2f ms, ratio %.2f (goal %.2f) %s\n", name.c_str(), ours, floor,
                ours / floor, kGoal, ok ? "ok" : "MISSED");
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace henb::keydist::bench

int main(int argc, char** argv) { return henb::keydist::bench::Main(argc, argv); }
