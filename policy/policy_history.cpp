#include "policy/policy_history.h"

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/status.h"
#include "policy/time_text.h"

namespace henb::policy {
namespace {

constexpr std::size_t kMost = 100;
constexpr std::size_t kLongestDetail = 500;

std::string Line(const HistoryEntry& entry) {
  nlohmann::ordered_json out;
  out["at"] = TimeText(entry.at);
  out["source"] = entry.source;
  out["version"] = entry.version;
  out["sha256"] = entry.sha256;
  out["result"] = entry.result;
  out["detail"] = entry.detail.substr(0, kLongestDetail);
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

bool ParseLine(std::string_view line, HistoryEntry* entry) {
  const auto tree = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object()) return false;
  const auto text = [&](const char* field) {
    const auto at = tree.find(field);
    return at != tree.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text("at"), &entry->at, &error)) return false;
  entry->source = text("source");
  entry->sha256 = text("sha256");
  entry->result = text("result");
  entry->detail = text("detail");
  const auto version = tree.find("version");
  if (version != tree.end() && version->is_number_unsigned()) entry->version = version->get<std::uint64_t>();
  return true;
}

}  // namespace

absl::StatusOr<std::vector<HistoryEntry>> ReadHistory(const std::string& path) {
  const auto content = common::ReadFile(path);
  if (absl::IsNotFound(content.status())) return std::vector<HistoryEntry>();
  RETURN_IF_ERROR(content.status());
  std::vector<HistoryEntry> out;
  for (const std::string_view line : common::Split(*content, '\n')) {
    HistoryEntry entry;
    if (ParseLine(line, &entry)) out.push_back(std::move(entry));
  }
  return out;
}

absl::Status AppendHistory(const std::string& path, const HistoryEntry& entry) {
  ASSIGN_OR_RETURN(std::vector<HistoryEntry> entries, ReadHistory(path));
  entries.push_back(entry);
  std::string out;
  for (std::size_t i = entries.size() > kMost ? entries.size() - kMost : 0; i < entries.size(); ++i) {
    out += Line(entries[i]);
  }
  return common::WriteFileAtomically(path, out);
}

}  // namespace henb::policy
