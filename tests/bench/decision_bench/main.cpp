// decision-1000-rules: what one decision costs when the last of 1,000 rules matches, against a bare loop over the same
// data.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "policy/decide.h"

namespace {

using namespace henb::policy;  // NOLINT(google-build-using-namespace)

constexpr int kRules = 1000;
constexpr int kRounds = 5;
constexpr int kDecisions = 10'000;
constexpr double kGoalMicroseconds = 10.0;

henb::common::HenbId Id(const std::string& text) { return henb::common::HenbId::Parse(text).value(); }

Policy MakePolicy(absl::Time now) {
  Policy policy;
  policy.operator_name = "operator.example";
  policy.audience = {IdPattern::Parse("*.site.example").value()};
  policy.version = 1;
  policy.not_before = now - absl::Hours(1);
  policy.not_after = now + absl::Hours(1);
  for (int i = 0; i < kRules; ++i) {
    Rule rule;
    rule.id = "rule-" + std::to_string(i);
    rule.match.neighbours = {IdPattern::Parse("henb-" + std::to_string(10'000 + i) + ".site.example").value()};
    rule.match.networks = {henb::common::Cidr::Parse("10.0.0.0/8").value()};
    policy.rules.push_back(std::move(rule));
  }
  return policy;
}

Facts MakeFacts(absl::Time now) {
  NeighbourRecord record;
  record.id = Id("henb-" + std::to_string(10'000 + kRules - 1) + ".site.example");
  record.kind = Kind::kHenb;
  record.x2c_addresses = {henb::common::IpAddress::Parse("10.1.1.2").value()};
  record.issuer_spki_sha256 = henb::common::SpkiHash::Of("vendor");
  Facts facts;
  facts.now = now;
  facts.self.id = Id("henb-1.site.example");
  facts.self.vendor_anchors = {henb::common::SpkiHash::Of("vendor")};
  facts.neighbour = FactsOf(record, Source::kOam);
  return facts;
}

// The least that a scan must do: compare the one identity of each rule, then the network of the one that has it.
struct BareRule {
  std::string neighbour;
  std::uint32_t network;
  std::uint32_t mask;
};

int BareScan(const std::vector<BareRule>& rules, const std::string& id, std::uint32_t address) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].neighbour == id && (address & rules[i].mask) == rules[i].network) return static_cast<int>(i);
  }
  return -1;
}

// Of the processor's time: a decision does nothing but compute, and what else the machine does is not its matter.
double ProcessorMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <typename F>
double MicrosecondsEach(F run) {
  const double start = ProcessorMicroseconds();
  for (int i = 0; i < kDecisions; ++i) run();
  return (ProcessorMicroseconds() - start) / kDecisions;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string Machine() {
  std::string model = "unknown processor";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  return model + ", " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " cores";
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
  if (argc > 1 && !json) {
    std::cerr << "usage: decision_bench [--json]\n";
    return 2;
  }
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const Policy policy = MakePolicy(now);
  const Facts facts = MakeFacts(now);
  std::vector<BareRule> bare;
  for (const Rule& rule : policy.rules) bare.push_back({rule.match.neighbours[0].ToString(), 10U << 24, 0xff000000U});
  const std::string id = facts.neighbour.id.str();
  volatile std::uint32_t address = (10U << 24) + (1U << 16) + (1U << 8) + 2;  // Kept from being folded away.
  volatile int sink = 0;
  std::vector<double> ours;
  std::vector<double> floor;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(MicrosecondsEach([&] { sink = static_cast<int>(Decide(&policy, facts).outcome); }));
    if (sink != static_cast<int>(Outcome::kCert)) return 1;
    floor.push_back(MicrosecondsEach([&] { sink = BareScan(bare, id, address); }));
    if (sink != kRules - 1) return 1;
  }
  const double our_median = Median(ours);
  const double floor_median = Median(floor);
  const bool ok = our_median <= kGoalMicroseconds;
  if (json) {
    nlohmann::ordered_json out = {{"name", "decision-1000-rules"},
                                  {"ours", our_median},
                                  {"floor", floor_median},
                                  {"unit", "us"},
                                  {"ratio", our_median / floor_median},
                                  {"goal", kGoalMicroseconds},
                                  {"ok", ok},
                                  {"machine", Machine()}};
    std::cout << out.dump(2) << "\n";
  } else {
    std::printf("decision-1000-rules: %.2f us, bare scan %.2f us, goal %.0f us, %s\n", our_median, floor_median,
                kGoalMicroseconds, ok ? "ok" : "not reached");
  }
  return ok ? 0 : 1;
}
