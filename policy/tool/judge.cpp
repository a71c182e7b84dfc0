// check, explain, diff and schema: they read and print.
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/digest.h"
#include "common/status.h"
#include "common/text_table.h"
#include "policy/decide.h"
#include "policy/diff.h"
#include "policy/explain.h"
#include "policy/load.h"
#include "policy/records.h"
#include "policy/schema.h"
#include "policy/tool/commands.h"
#include "policy/tool/inputs.h"

namespace henb::policy::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kReplace = Json::error_handler_t::replace;

Json CheckJson(const std::string& file, const std::string& text, const PolicyReading& reading) {
  Json out;
  out["file"] = file;
  out["valid"] = reading.policy.has_value();
  out["sha256"] = common::Sha256Digest::Of(text).ToHex();
  out["version"] = reading.policy.has_value() ? Json(reading.policy->version) : Json();
  out["operator"] = reading.policy.has_value() ? Json(reading.policy->operator_name) : Json();
  out["problems"] = Json::array();
  for (const Problem& problem : reading.problems.list()) {
    out["problems"].push_back(
        {{"path", problem.path}, {"message", problem.what}, {"severity", problem.warning ? "WARNING" : "ERROR"}});
  }
  return out;
}

std::string Shortened(const std::string& text) {
  constexpr std::size_t kMost = 60;
  return text.size() <= kMost ? text : text.substr(0, kMost) + "…";
}

}  // namespace

absl::Status Check(const Options& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadPolicyText(options.file));
  const PolicyReading reading = ReadPolicy(text);
  if (options.json) std::cout << CheckJson(options.file, text, reading).dump(2, ' ', false, kReplace) << "\n";
  // All of them here; the first error comes again as the program's last word.
  for (const Problem& problem : reading.problems.list()) {
    std::cerr << options.file << ": " << (problem.warning ? "warning: " : "") << problem.ToString() << "\n";
  }
  if (!reading.policy.has_value())
    return absl::InvalidArgumentError(common::StrCat(options.file, ": not a valid policy"));
  if (!options.json) {
    std::cout << options.file << ": valid: version " << reading.policy->version << " of operator "
              << reading.policy->operator_name << ", " << reading.policy->rules.size() << " rules, SHA-256 "
              << common::Sha256Digest::Of(text).ToHex() << "\n";
  }
  return absl::OkStatus();
}

absl::Status Explain(const Options& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadPolicyText(options.file));
  ASSIGN_OR_RETURN_CTX(const Policy policy, LoadPolicy(text), options.file);
  ASSIGN_OR_RETURN(const std::string self, ReadInput(options.self));
  ASSIGN_OR_RETURN_CTX(Facts facts, ReadSelf(self), options.self);
  ASSIGN_OR_RETURN(const std::string neighbour, ReadInput(options.neighbour));
  ASSIGN_OR_RETURN_CTX(const NeighbourRecord record, ReadNeighbourRecord(neighbour), options.neighbour);
  facts.neighbour = FactsOf(record, Source::kOam);
  if (!options.now.empty() || facts.now == absl::InfinitePast()) {
    ASSIGN_OR_RETURN(facts.now, TimeOption(options.now));
  }
  const Decision decision = Decide(&policy, facts);
  std::cout << (options.json ? ExplainJson(&policy, facts, decision) : ExplainText(&policy, facts, decision));
  return absl::OkStatus();
}

absl::Status Diff(const Options& options) {
  ASSIGN_OR_RETURN(const std::string before, ReadPolicyText(options.file));
  ASSIGN_OR_RETURN(const std::string after, ReadPolicyText(options.other));
  ASSIGN_OR_RETURN(const std::vector<Difference> differences, DiffPolicies(before, after));
  if (options.json) {
    Json out = Json::array();
    for (const Difference& d : differences) {
      const auto value = [](const std::string& text) { return text.empty() ? Json() : Json::parse(text); };
      out.push_back(
          {{"path", d.path}, {"change", Name(d.change)}, {"before", value(d.before)}, {"after", value(d.after)}});
    }
    std::cout << out.dump(2) << "\n";
    return absl::OkStatus();
  }
  if (differences.empty()) {
    std::cout << "no difference\n";
    return absl::OkStatus();
  }
  common::TextTable table({"WHERE", "CHANGE", "BEFORE", "AFTER"});
  for (const Difference& d : differences) {
    table.Add({d.path, std::string(Name(d.change)), Shortened(d.before), Shortened(d.after)});
  }
  std::cout << table.Render();
  return absl::OkStatus();
}

absl::Status Schema() {
  std::cout << PolicySchema();
  return absl::OkStatus();
}

}  // namespace henb::policy::tool
