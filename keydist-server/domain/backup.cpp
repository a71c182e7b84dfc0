#include "keydist-server/domain/backup.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/status.h"

namespace henb::keydist::domain {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "henb.keydist.backup";
constexpr int kSchema = 1;
constexpr std::string_view kTimeFormat = "%Y-%m-%dT%H:%M:%SZ";
constexpr std::string_view kDigestLine = "{\"sha256\":\"";
constexpr std::size_t kDigestSize = kDigestLine.size() + 64 + 3;  // With "} and the newline.
constexpr std::array<std::pair<HenbState, std::string_view>, 3> kStates = {
    {{HenbState::kActive, "active"}, {HenbState::kSuspended, "suspended"}, {HenbState::kRemoved, "removed"}}};
constexpr std::uint64_t kMostEpochs = std::uint64_t{1} << 53;  // What JSON's readers keep exactly.
constexpr std::uint64_t kEpochMargin = 16;

Json ToJson(const HenbRecord& record) {
  Json anchors = Json::array();
  for (const common::SpkiHash& anchor : record.anchors) anchors.push_back(anchor.ToHex());
  const auto state =
      std::find_if(kStates.begin(), kStates.end(), [&](const auto& s) { return s.first == record.state; });
  return {{"id", record.id.str()},
          {"state", state->second},
          {"generation", record.generation},
          {"anchors", std::move(anchors)},
          {"groups", record.groups}};
}

/// The members of one object, each read once; the first error stays, with the member's name.
class Members {
 public:
  Members(const Json& object, std::size_t count) : object_(object) {
    if (!object.is_object()) {
      Fail("not an object");
    } else if (object.size() != count) {
      Fail("members that are missing or not known");
    }
  }
  std::string Text(const char* key) {
    const Json* value = Find(key, [](const Json& json) { return json.is_string(); });
    return value != nullptr ? value->get<std::string>() : std::string();
  }
  std::uint64_t Number(const char* key, std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
    const Json* value =
        Find(key, [&](const Json& json) { return json.is_number_unsigned() && json.get<std::uint64_t>() <= most; });
    return value != nullptr ? value->get<std::uint64_t>() : 0;
  }
  std::vector<std::string> Texts(const char* key) {
    const Json* value = Find(key, [](const Json& json) {
      return json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& one) { return one.is_string(); });
    });
    return value != nullptr ? value->get<std::vector<std::string>>() : std::vector<std::string>();
  }
  [[nodiscard]] const absl::Status& status() const { return status_; }

 private:
  template <typename F>
  const Json* Find(const char* key, const F& is_right) {
    if (!status_.ok()) return nullptr;
    const auto found = object_.find(key);
    if (found != object_.end() && is_right(*found)) return &*found;
    Fail(common::StrCat(key, found == object_.end() ? " is missing" : ": not a value that can stand there"));
    return nullptr;
  }
  void Fail(const std::string& what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(what);
  }
  const Json& object_;
  absl::Status status_;
};

absl::StatusOr<HenbRecord> ReadHenb(const Json& json) {
  Members members(json, 5);
  const std::string id = members.Text("id");
  const std::string state = members.Text("state");
  HenbRecord record;
  record.generation =
      static_cast<std::uint32_t>(members.Number("generation", std::numeric_limits<std::uint32_t>::max()));
  const std::vector<std::string> anchors = members.Texts("anchors");
  record.groups = members.Texts("groups");
  RETURN_IF_ERROR(members.status());
  ASSIGN_OR_RETURN(record.id, common::HenbId::Parse(id));
  const auto known = std::find_if(kStates.begin(), kStates.end(), [&](const auto& s) { return s.second == state; });
  if (known == kStates.end()) return absl::InvalidArgumentError(common::StrCat("state ", common::Quoted(state)));
  record.state = known->first;
  if (record.generation == 0) return absl::InvalidArgumentError("generation 0");
  for (const std::string& text : anchors) {
    ASSIGN_OR_RETURN(common::SpkiHash anchor, common::Sha256Digest::ParseHex(text));
    record.anchors.push_back(anchor);
  }
  // A removed one bears its generation and nothing else.
  if (record.state != HenbState::kRemoved || !record.anchors.empty()) RETURN_IF_ERROR(Normalise(&record));
  return record;
}

absl::StatusOr<std::pair<PairId, PairRule>> ReadPair(const Json& json) {
  Members members(json, 3);
  const std::string lower = members.Text("lower");
  const std::string higher = members.Text("higher");
  const std::string rule = members.Text("rule");
  RETURN_IF_ERROR(members.status());
  ASSIGN_OR_RETURN(common::HenbId one, common::HenbId::Parse(lower));
  ASSIGN_OR_RETURN(common::HenbId other, common::HenbId::Parse(higher));
  ASSIGN_OR_RETURN(PairId pair, PairId::Of(std::move(one), std::move(other)));
  if (rule != "allow" && rule != "deny")
    return absl::InvalidArgumentError(common::StrCat("rule ", common::Quoted(rule)));
  return std::pair(std::move(pair), rule == "allow" ? PairRule::kAllow : PairRule::kDeny);
}

absl::Status ReadHeader(const Json& json, Backup* backup) {
  Members members(json, 3);
  const std::string format = members.Text("format");
  const std::uint64_t schema = members.Number("schema");
  const std::string made = members.Text("made");
  if (format != kFormat) return absl::InvalidArgumentError("not a backup of keydist-server");
  if (schema != kSchema) {
    return absl::InvalidArgumentError(
        common::StrCat("schema ", schema, " is not one this release knows (", kSchema, ")"));
  }
  RETURN_IF_ERROR(members.status());
  std::string error;
  if (!absl::ParseTime(common::ToAbsl(kTimeFormat), made, &backup->made, &error)) {
    return absl::InvalidArgumentError(common::StrCat("made: ", error));
  }
  return absl::OkStatus();
}

absl::Status ReadEnd(const Json& json, Backup* backup) {
  Members members(json, 5);
  const std::uint64_t henbs = members.Number("henbs");
  const std::uint64_t pairs = members.Number("pairs");
  backup->highest_epoch = members.Number("highest_epoch", kMostEpochs);
  backup->audit.sequence = members.Number("audit_sequence");
  const std::string hash = members.Text("audit_hash");
  RETURN_IF_ERROR(members.status());
  if (henbs != backup->henbs.size() || pairs != backup->pairs.size()) {
    return absl::InvalidArgumentError("not as many records as it says");
  }
  ASSIGN_OR_RETURN_CTX(backup->audit.hash, common::Sha256Digest::ParseHex(hash), "audit_hash");
  return absl::OkStatus();
}

/// Reads lines one after the other and knows what may follow what.
class Reader {
 public:
  absl::Status Line(std::string_view line) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded() || !json.is_object() || json.empty())
      return absl::InvalidArgumentError("not a JSON object");
    if (ended_) return absl::InvalidArgumentError("something follows the end");
    if (!std::exchange(begun_, true)) return ReadHeader(json, &backup_);
    const std::string& kind = json.begin().key();
    if (json.size() != 1) return absl::InvalidArgumentError("more than one record");
    if (kind == "henb") {
      ASSIGN_OR_RETURN(HenbRecord record, ReadHenb(json.front()));
      if (!ids_.insert(record.id).second) return absl::InvalidArgumentError(record.id.str() + " is there twice");
      backup_.henbs.push_back(std::move(record));
      return absl::OkStatus();
    }
    if (kind == "pair") {
      ASSIGN_OR_RETURN(auto pair, ReadPair(json.front()));
      backup_.pairs.push_back(std::move(pair));
      return absl::OkStatus();
    }
    if (kind != "end") return absl::InvalidArgumentError(common::StrCat("record ", common::Quoted(kind)));
    ended_ = true;
    return ReadEnd(json.front(), &backup_);
  }
  [[nodiscard]] bool ended() const { return ended_; }
  Backup Take() { return std::move(backup_); }

 private:
  Backup backup_;
  std::set<common::HenbId> ids_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

std::string WriteBackup(const Backup& backup) {
  std::string text;
  const auto line = [&](const Json& json) { text.append(json.dump()).push_back('\n'); };
  line({{"format", kFormat},
        {"schema", kSchema},
        {"made", absl::FormatTime(common::ToAbsl(kTimeFormat), backup.made, absl::UTCTimeZone())}});
  for (const HenbRecord& record : backup.henbs) line({{"henb", ToJson(record)}});
  for (const auto& [pair, rule] : backup.pairs) {
    line({{"pair",
           {{"lower", pair.lower().str()},
            {"higher", pair.higher().str()},
            {"rule", rule == PairRule::kAllow ? "allow" : "deny"}}}});
  }
  line({{"end",
         {{"henbs", backup.henbs.size()},
          {"pairs", backup.pairs.size()},
          {"highest_epoch", backup.highest_epoch},
          {"audit_sequence", backup.audit.sequence},
          {"audit_hash", backup.audit.hash.ToHex()}}}});
  const std::string digest = common::Sha256Digest::Of(text).ToHex();
  return text.append(kDigestLine).append(digest).append("\"}\n");
}

absl::StatusOr<Backup> ReadBackup(std::string_view text) {
  const std::size_t content = text.size() < kDigestSize ? 0 : text.size() - kDigestSize;
  const std::string_view tail = text.substr(content);
  const std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (content == 0 || !tail.starts_with(kDigestLine) || text[content - 1] != '\n' || !tail.ends_with("\"}\n")) {
    return absl::InvalidArgumentError(common::StrCat("line ", lines + (text.ends_with('\n') ? 0 : 1),
                                                     ": not the digest: the file is cut short or not a backup"));
  }
  const std::string_view body = text.substr(0, content);
  const bool whole = common::Sha256Digest::Of(body).ToHex() == tail.substr(kDigestLine.size(), 64);
  Reader reader;
  std::size_t number = 0;
  for (std::string_view rest = body; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    ++number;
    RETURN_IF_ERROR_CTX(reader.Line(rest.substr(0, end)), common::StrCat("line ", number));
    rest.remove_prefix(end + 1);
  }
  // Only now: a line that is not what it should be says more of the place.
  if (!whole) {
    return absl::InvalidArgumentError(common::StrCat("line ", number + 1, ": the digest is not that of lines 1 to ",
                                                     number, ": the file is damaged"));
  }
  if (!reader.ended()) return absl::InvalidArgumentError(common::StrCat("line ", number + 1, ": the end is missing"));
  return reader.Take();
}

absl::StatusOr<RestorePlan> PlanRestore(const Backup& backup, const RestoreOptions& options,
                                        std::uint64_t audited_epoch, absl::Duration epoch_length, absl::Time now) {
  if (options.raise_generations == 0) return absl::InvalidArgumentError("generations must be raised by one at least");
  RestorePlan plan{.henbs = backup.henbs, .last_epoch = 0};
  for (HenbRecord& record : plan.henbs) {
    if (record.generation > std::numeric_limits<std::uint32_t>::max() - options.raise_generations) {
      return absl::InvalidArgumentError(common::StrCat(record.id.str(), ": generation ", record.generation,
                                                       " cannot be raised by ", options.raise_generations));
    }
    record.generation += options.raise_generations;
  }
  const auto passed = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, (now - backup.made) / std::max(epoch_length, absl::Seconds(1))));
  plan.last_epoch = std::max({backup.highest_epoch + 2 * passed + kEpochMargin, audited_epoch, options.above_epoch});
  if (plan.last_epoch > kMostEpochs) {
    return absl::InvalidArgumentError(common::StrCat("epoch ", plan.last_epoch, " is above ", kMostEpochs));
  }
  return plan;
}

}  // namespace henb::keydist::domain
