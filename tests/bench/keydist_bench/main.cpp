// get-pair-keys, get-pair-keys-durable, get-pair-keys-batch32: the key service against a bare gRPC echo of the same TLS
// and sizes; against-krb5-tgs: the durable one against a KDC. In one run, alternating, medians. Servers in one process,
// the load in another, both on this machine.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "common/process_runner.h"
#include "common/strings.h"
#include "henb/keydist/v1/keydist.pb.h"
#include "tests/bench/keydist_bench/bench_server.h"
#include "tests/bench/keydist_bench/load.h"

namespace henb::keydist::bench {
namespace {

std::string Machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) model = line.substr(line.find(':') + 2);
  }
  return common::StrCat(model, ", ", std::thread::hardware_concurrency(), " cores, client and server on it");
}

std::vector<std::string> Requests(int peers) {
  std::vector<std::string> requests;
  for (int i = 0; i < 256; ++i) {
    v1::GetPairKeysRequest request;
    request.set_purpose(v1::IKE_PSK);
    for (int j = 0; j < peers; ++j) request.add_peers(HenbName(1 + (i * peers + j) % (kHenbs - 1)));
    requests.push_back(request.SerializeAsString());
  }
  return requests;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The answer must be one of the key service's, with a key for each peer.
bool IsWhole(const std::string& answer, int peers) {
  v1::GetPairKeysResponse response;
  if (!response.ParseFromString(answer) || response.results_size() != peers) return false;
  return std::all_of(response.results().begin(), response.results().end(),
                     [](const v1::PairResult& result) { return result.keys().current().key().size() == 32; });
}

struct Measurement {
  const char* name;
  Load& ours;
  int peers;
  double goal;
  bool against_kdc = false;         ///< Keys a second against tickets a second.
  Load* instead_of_echo = nullptr;  ///< Another floor.
};

/// TGS requests a second that a KDC answers, as krb5_load tells. Nothing: it could not be asked.
double TicketsPerSecond(const std::string& program, const std::string& conf, absl::Duration each) {
  common::SystemProcessRunner runner;
  const auto done = runner.Run({.argv = {program, conf, common::StrCat(absl::ToInt64Seconds(each))},
                                .standard_input = {},
                                .deadline = absl::Minutes(1)});
  if (!done.ok() || done->exit_status != 0) return 0;
  return std::strtod(done->output.c_str(), nullptr);
}

int Main(int argc, char** argv) {
  bool json = false;
  int rounds = 5;
  absl::Duration each = absl::Seconds(2);
  std::string folder = "/var/tmp";
  std::string only;
  std::string kdc_load;
  std::string kdc_conf;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--quick") {
      rounds = 3;
      each = absl::Seconds(1);
    } else if (argument == "--dir" && i + 1 < argc) {
      folder = argv[++i];
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (argument == "--kdc" && i + 2 < argc) {
      kdc_load = argv[++i];
      kdc_conf = argv[++i];
    } else {
      std::fprintf(
          stderr,
          "keydist_bench [--json] [--quick] [--only NAME] [--dir FOLDER-ON-A-REAL-DISK] [--kdc KRB5_LOAD KRB5_CONF]\n");
      return 2;
    }
  }
  const Pki pki;
  folder += "/keydist-bench-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  int report[2];
  int stop[2];
  if (pipe(report) != 0 || pipe(stop) != 0) return 1;
  const pid_t server = fork();  // Before gRPC has any thread.
  if (server == 0) {
    close(stop[1]);
    Serve(pki, folder, report[1], stop[0]);
    _exit(0);
  }
  close(report[1]);
  close(stop[0]);
  Ports ports;
  if (read(report[0], &ports, sizeof ports) != static_cast<ssize_t>(sizeof ports)) return 1;

  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  bool all_ok = true;
  {
    Load echo(pki, ports.echo);
    Load keys(pki, ports.keys);
    Load durable(pki, ports.durable);
    Load durable_echo(pki, ports.durable_echo);
    std::vector<Measurement> measurements = {{"get-pair-keys", keys, 1, 0.9},
                                             {"get-pair-keys-durable", durable, 1, 0.8},
                                             {"durable-against-durable", durable, 1, 0.9, false, &durable_echo},
                                             {"get-pair-keys-batch32", keys, 32, 0.5}};
    if (!kdc_load.empty()) {
      measurements.push_back({"against-krb5-tgs", durable, 1, 5, true});
      measurements.push_back({"against-krb5-tgs-batch32", durable, 32, 50, true});
    }
    for (const Measurement& m : measurements) {
      if (!only.empty() && only != m.name) continue;
      const std::vector<std::string> requests = Requests(m.peers);
      Load& bare = m.instead_of_echo != nullptr ? *m.instead_of_echo : echo;
      if (bare.Run(requests, absl::Milliseconds(300)).failed > 0) return 1;
      const Load::Result warm = m.ours.Run(requests, absl::Milliseconds(300));
      if (warm.failed > 0 || !IsWhole(warm.last_answer, m.peers)) {
        std::fprintf(stderr, "%s: the service does not answer as it should\n", m.name);
        return 1;
      }
      if (const char* what = getenv("X2_PROFILE")) {
        Load& l = what[0] == 'e' ? echo : m.ours;
        std::fprintf(stderr, "PROFILE server %d client %d\n", server, getpid());
        fprintf(stderr, "%f\n", l.Run(requests, absl::Seconds(atoi(getenv("X2_SECONDS")))).calls_per_second);
        continue;
      }
      std::vector<double> ours;
      std::vector<double> floor;
      for (int round = 0; round < rounds; ++round) {
        floor.push_back(m.against_kdc ? TicketsPerSecond(kdc_load, kdc_conf, each)
                                      : bare.Run(requests, each).calls_per_second);
        ours.push_back(m.ours.Run(requests, each).calls_per_second * (m.against_kdc ? m.peers : 1));
        std::fprintf(stderr, "%s %d/%d: %.0f, %s %.0f, answer %zu octets\n", m.name, round + 1, rounds, ours.back(),
                     m.against_kdc ? "KDC" : "echo", floor.back(), warm.last_answer.size());
        if (floor.back() == 0) return 1;
      }
      const double ratio = Median(ours) / Median(floor);
      all_ok = all_ok && ratio >= m.goal;
      results.push_back({{"name", m.name},
                         {"ours", Median(ours)},
                         {"floor", Median(floor)},
                         {"unit", m.against_kdc ? "keys/s" : "calls/s"},
                         {"ratio", ratio},
                         {"goal", m.goal},
                         {"ok", ratio >= m.goal},
                         {"machine", Machine()}});
    }
  }
  close(stop[1]);
  waitpid(server, nullptr, 0);
  for (const char* name : {"/audit.jsonl", "/echo"}) unlink((folder + name).c_str());
  rmdir(folder.c_str());
  if (json) {
    std::printf("%s\n", results.dump(2).c_str());
  } else {
    for (const auto& r : results) {
      std::printf("%-24s %9.0f %9.0f %s  ratio %.2f (goal %.2f) %s\n", r["name"].get<std::string>().c_str(),
                  r["ours"].get<double>(), r["floor"].get<double>(), r["unit"].get<std::string>().c_str(),
                  r["ratio"].get<double>(), r["goal"].get<double>(), r["ok"].get<bool>() ? "ok" : "MISSED");
    }
  }
  return all_ok ? 0 : 1;
}

}  // namespace
}  // namespace henb::keydist::bench

int main(int argc, char** argv) { return henb::keydist::bench::Main(argc, argv); }
