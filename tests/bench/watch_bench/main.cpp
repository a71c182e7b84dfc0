// watchers-1k, -5k, -10k: memory of a Watch stream; broadcast-10k: how long until all of them have heard of a change;
// reconnect-10k: how long until all are back after their connections are gone. The key service beside a bare gRPC
// stream with the same TLS, both standing at the same time, in turns, medians.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "common/strings.h"
#include "tests/bench/watch_bench/watch_server.h"
#include "tests/bench/watch_bench/watchers.h"

namespace henb::keydist::bench {
namespace {

constexpr int kRounds = 5;
constexpr int kFirst = 16;  ///< Streams that stand before memory is counted: what a server needs once is there then.

/// A server in a process of its own.
struct Server {
  pid_t pid = 0;
  int orders = -1;
  int port = 0;

  static Server Start(const WatchPki& pki, Role role, int henbs) {
    std::array<int, 2> report{};
    std::array<int, 2> orders{};
    Server made;
    if (pipe(report.data()) != 0 || pipe(orders.data()) != 0) std::abort();
    made.pid = fork();  // Before gRPC has any thread.
    if (made.pid == 0) {
      close(report[0]);
      close(orders[1]);
      ServeWatchers(pki, role, henbs, report[1], orders[0]);
      _exit(0);
    }
    close(report[1]);
    close(orders[0]);
    made.orders = orders[1];
    if (read(report[0], &made.port, sizeof made.port) != static_cast<ssize_t>(sizeof made.port)) std::abort();
    close(report[0]);
    return made;
  }
  void Stop() {
    close(orders);
    waitpid(pid, nullptr, 0);
  }
  [[nodiscard]] double ResidentKib() const {
    std::ifstream status(common::StrCat("/proc/", pid, "/statm"));
    long total = 0;
    long resident = 0;
    status >> total >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
  }
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What was measured of one server.
struct Figures {
  std::vector<double> kib_each;  ///< For each of the sizes.
  double broadcast = 0;          ///< Seconds, from the order until all have heard: the median.
  double reconnect = 0;          ///< Seconds.
};

/// None: not all streams came about, or not all heard.
std::optional<Figures> Measure(const Server& server, const WatchPki& pki, const std::vector<test::Identity>& identities,
                               const std::vector<std::size_t>& sizes) {
  Watchers watchers(server.port, pki.operator_ca.pem());
  if (watchers.Connect(identities, 0, kFirst) < absl::ZeroDuration()) return std::nullopt;
  const double base_kib = server.ResidentKib();
  Figures figures;
  std::size_t standing = kFirst;
  for (const std::size_t size : sizes) {
    if (watchers.Connect(identities, std::exchange(standing, size), size) < absl::ZeroDuration()) return std::nullopt;
    figures.kib_each.push_back((server.ResidentKib() - base_kib) / static_cast<double>(standing - kFirst));
  }
  std::vector<double> broadcasts;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t wanted = watchers.events() + standing;
    const absl::Time start = absl::Now();
    if (write(server.orders, "b", 1) != 1 || !watchers.Await(wanted)) return std::nullopt;
    broadcasts.push_back(absl::ToDoubleSeconds(absl::Now() - start));
  }
  figures.broadcast = Median(broadcasts);
  watchers.Disconnect();
  const absl::Duration back = watchers.Connect(identities, 0, standing);
  if (back < absl::ZeroDuration()) return std::nullopt;
  figures.reconnect = absl::ToDoubleSeconds(back);
  return figures;
}

class Report {
 public:
  void Add(const std::string& name, double ours, double floor, const char* unit, double goal) {
    const double ratio = ours / floor;
    rows_.push_back({{"name", name},
                     {"ours", ours},
                     {"floor", floor},
                     {"unit", unit},
                     {"ratio", ratio},
                     {"goal", goal},
                     {"ok", ratio <= goal}});
    std::fprintf(stderr, "%-16s %9.2f %9.2f %s  ratio %.2f (goal %.2f)\n", name.c_str(), ours, floor, unit, ratio,
                 goal);
  }
  [[nodiscard]] const nlohmann::ordered_json& rows() const { return rows_; }

 private:
  nlohmann::ordered_json rows_ = nlohmann::ordered_json::array();
};

std::string Thousands(std::size_t count) {
  return count % 1000 == 0 ? common::StrCat(count / 1000, "k") : common::StrCat(count);
}

int Main(int argc, char** argv) {
  std::vector<std::size_t> sizes = {1000, 5000, 10000};
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--quick") {
      sizes = {100, 200, 500};
    } else {
      std::fprintf(stderr, "watch_bench [--json] [--quick]\n");
      return 2;
    }
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (files.rlim_cur < sizes.back() + 1000) {
    std::fprintf(stderr, "watch_bench: %zu open files are not enough\n", static_cast<std::size_t>(files.rlim_cur));
    return 1;
  }
  const WatchPki pki;
  const auto count = static_cast<int>(sizes.back());
  Server servers[2] = {Server::Start(pki, Role::kBareStream, count), Server::Start(pki, Role::kKeyService, count)};
  std::vector<test::Identity> identities;
  for (int i = 0; i < count; ++i) identities.push_back(pki.vendor.Issue(WatcherName(i)));
  const std::optional<Figures> floor = Measure(servers[0], pki, identities, sizes);
  const std::optional<Figures> ours = floor ? Measure(servers[1], pki, identities, sizes) : std::nullopt;
  servers[1].Stop();  // First: it has inherited the other's end of the pipe.
  servers[0].Stop();
  if (!floor || !ours) {
    std::fprintf(stderr, "watch_bench: not all streams came about, or not all heard\n");
    return 1;
  }
  Report report;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    report.Add("watchers-" + Thousands(sizes[i]), ours->kib_each[i], floor->kib_each[i], "KiB", 1.15);
  }
  report.Add("broadcast-" + Thousands(sizes.back()), ours->broadcast, floor->broadcast, "s", 1.2);
  report.Add("reconnect-" + Thousands(sizes.back()), ours->reconnect, floor->reconnect, "s", 1.2);
  if (json) std::printf("%s\n", report.rows().dump(2).c_str());
  const auto is_ok = [](const nlohmann::ordered_json& row) { return row["ok"].get<bool>(); };
  return std::all_of(report.rows().begin(), report.rows().end(), is_ok) ? 0 : 1;
}

}  // namespace
}  // namespace henb::keydist::bench

int main(int argc, char** argv) { return henb::keydist::bench::Main(argc, argv); }
