#include "keydist-server/ctl/henb_import.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/status.h"

namespace henb::keydist::ctl {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kId = "id";
constexpr std::string_view kAnchors = "anchor_spki_sha256";
constexpr std::string_view kGroups = "groups";
constexpr std::string_view kFields[] = {kId, kAnchors, kGroups};

bool IsField(std::string_view name) {
  return std::find(std::begin(kFields), std::end(kFields), name) != std::end(kFields);
}

/// The values as texts.
struct Texts {
  std::string id;
  std::vector<std::string> anchors;
  std::vector<std::string> groups;
};

absl::StatusOr<domain::HenbRecord> Build(const Texts& texts) {
  domain::HenbRecord record;
  ASSIGN_OR_RETURN_CTX(record.id, common::HenbId::Parse(texts.id), kId);
  for (const std::string& text : texts.anchors) {
    ASSIGN_OR_RETURN_CTX(const common::SpkiHash anchor, common::Sha256Digest::ParseHex(text), kAnchors);
    record.anchors.push_back(anchor);
  }
  if (record.anchors.empty() || record.anchors.size() > domain::kMaxAnchors) {
    return absl::InvalidArgumentError(common::StrCat(kAnchors, ": not 1 to ", domain::kMaxAnchors, " of them"));
  }
  for (const std::string& group : texts.groups) RETURN_IF_ERROR_CTX(domain::CheckGroupName(group), kGroups);
  record.groups = texts.groups;
  RETURN_IF_ERROR_CTX(domain::Normalise(&record), kGroups);
  return record;
}

std::vector<std::string> Words(std::string_view field) {
  std::vector<std::string> words;
  for (const std::string_view word : common::Split(field, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

absl::StatusOr<domain::HenbRecord> ParseCsv(std::string_view line, const std::vector<std::string>& columns) {
  ASSIGN_OR_RETURN(const std::vector<std::string> fields, SplitCsv(line));
  if (fields.size() != columns.size()) {
    return absl::InvalidArgumentError(common::StrCat(fields.size(), " fields where the header has ", columns.size()));
  }
  Texts texts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == kId) texts.id = fields[i];
    if (columns[i] == kAnchors) texts.anchors = Words(fields[i]);
    if (columns[i] == kGroups) texts.groups = Words(fields[i]);
  }
  return Build(texts);
}

absl::Status ReadList(const Json& value, std::string_view name, std::vector<std::string>* list) {
  const bool texts =
      value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
  if (!texts) return absl::InvalidArgumentError(common::StrCat(name, ": not a list of texts"));
  *list = value.get<std::vector<std::string>>();
  return absl::OkStatus();
}

absl::StatusOr<Json> ParseObject(std::string_view line) {
  std::set<std::string> seen;
  std::optional<std::string> twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 && !seen.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return depth < 8;  // What lies deeper is dropped, and is in no field of ours.
  };
  Json object;
  try {
    object = Json::parse(line, watch);
  } catch (const Json::parse_error& error) {
    return absl::InvalidArgumentError(common::StrCat("column ", error.byte, ": not JSON"));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("not JSON");
  }
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  if (twice) return absl::InvalidArgumentError(common::StrCat(common::Quoted(*twice), ": twice"));
  return object;
}

absl::StatusOr<domain::HenbRecord> ParseJson(std::string_view line) {
  ASSIGN_OR_RETURN(const Json object, ParseObject(line));
  Texts texts;
  for (const auto& [name, value] : object.items()) {
    if (!IsField(name)) return absl::InvalidArgumentError(common::StrCat(common::Quoted(name), ": no such field"));
    if (name == kAnchors) RETURN_IF_ERROR(ReadList(value, name, &texts.anchors));
    if (name == kGroups) RETURN_IF_ERROR(ReadList(value, name, &texts.groups));
    if (name != kId) continue;
    if (!value.is_string()) return absl::InvalidArgumentError("id: not a text");
    texts.id = value.get<std::string>();
  }
  return Build(texts);
}

}  // namespace

absl::StatusOr<ImportFormat> FormatOfName(std::string_view path) {
  if (path.ends_with(".csv")) return ImportFormat::kCsv;
  if (path.ends_with(".jsonl") || path.ends_with(".ndjson")) return ImportFormat::kJsonLines;
  return absl::InvalidArgumentError(
      common::StrCat(path, ": the name ends in none of .csv, .jsonl and .ndjson; say --format csv or --format jsonl"));
}

absl::StatusOr<std::vector<std::string>> SplitCsv(std::string_view line) {
  std::vector<std::string> fields(1);
  std::size_t at = 0;
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(common::StrCat("column ", at + 1, ": ", what));
  };
  while (at < line.size()) {
    if (line[at] == ',') {
      fields.emplace_back();
      ++at;
      continue;
    }
    if (line[at] != '"') {
      const std::size_t end = std::min(line.find_first_of(",\"", at), line.size());
      fields.back().append(line.substr(at, end - at));
      at = end;
      if (at < line.size() && line[at] == '"')
        return wrong("a quotation mark inside a field that does not begin with one");
      continue;
    }
    const std::size_t begin = at++;
    while (true) {
      const std::size_t quote = line.find('"', at);
      if (quote == std::string_view::npos) {
        at = begin;
        return wrong("the quotation has no end on this line");
      }
      fields.back().append(line.substr(at, quote - at));
      at = quote + 1;
      if (at == line.size() || line[at] != '"') break;
      fields.back().push_back('"');
      ++at;
    }
    if (at < line.size() && line[at] != ',') return wrong("neither a comma nor the end after a quotation");
  }
  return fields;
}

absl::StatusOr<ImportParser> ImportParser::ForCsv(std::string_view header) {
  ASSIGN_OR_RETURN(std::vector<std::string> columns, SplitCsv(header));
  std::set<std::string_view> seen;
  for (const std::string& column : columns) {
    if (!IsField(column)) {
      return absl::InvalidArgumentError(
          common::StrCat("the header's ", common::Quoted(column), " is none of id, anchor_spki_sha256 and groups"));
    }
    if (!seen.insert(column).second)
      return absl::InvalidArgumentError(common::StrCat("the header has ", column, " twice"));
  }
  for (const std::string_view needed : {kId, kAnchors}) {
    if (!seen.contains(needed)) return absl::InvalidArgumentError(common::StrCat("the header has no ", needed));
  }
  return ImportParser(std::move(columns));
}

absl::StatusOr<domain::HenbRecord> ImportParser::Parse(std::string_view line) const {
  return columns_.empty() ? ParseJson(line) : ParseCsv(line, columns_);
}

}  // namespace henb::keydist::ctl
