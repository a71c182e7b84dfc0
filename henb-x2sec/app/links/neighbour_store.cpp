#include "henb-x2sec/app/links/neighbour_store.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "policy/names.h"
#include "policy/records.h"

namespace henb::x2sec::app {
namespace {

using common::HenbId;
using common::StrCat;
using nlohmann::json;
using policy::NeighbourFacts;
using policy::NeighbourRecord;
using policy::Source;

/// Reported ones are found in the air: their number is bounded, those of OAM are not pushed out by them.
constexpr std::size_t kMostReported = 256;

using Records = std::map<HenbId, NeighbourRecord>;

/// {"neighbours": [record, …]}
absl::StatusOr<Records> Parse(const std::string& text) {
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) return absl::InvalidArgumentError("not JSON");
  if (!root.is_object() || root.size() != 1 || !root.contains("neighbours") || !root["neighbours"].is_array()) {
    return absl::InvalidArgumentError("must be an object with the one field \"neighbours\", an array");
  }
  Records records;
  for (const json& item : root["neighbours"]) {
    const std::string place = StrCat("neighbours[", records.size(), "]");
    ASSIGN_OR_RETURN_CTX(NeighbourRecord record, policy::ReadNeighbourRecord(item.dump()), place);
    const HenbId id = record.id;
    if (!records.emplace(id, std::move(record)).second) {
      return absl::InvalidArgumentError(StrCat(place, ": ", id.str(), " is there twice"));
    }
  }
  return records;
}

const NeighbourRecord* Find(const Records& records, const HenbId& id) {
  const auto it = records.find(id);
  return it == records.end() ? nullptr : &it->second;
}

}  // namespace

absl::StatusOr<NeighbourStore> NeighbourStore::Open(std::string path) {
  NeighbourStore store;
  store.path_ = std::move(path);
  const absl::StatusOr<std::string> text = common::ReadFile(store.path_);
  if (absl::IsNotFound(text.status())) return store;
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN_CTX(store.oam_, Parse(*text), store.path_);
  return store;
}

absl::Status NeighbourStore::Put(const NeighbourRecord& record) {
  Records records = oam_;
  records[record.id] = record;
  RETURN_IF_ERROR(Save(records));
  oam_ = std::move(records);
  return absl::OkStatus();
}

absl::Status NeighbourStore::Remove(const HenbId& id) {
  if (!oam_.contains(id)) return absl::NotFoundError(StrCat("no neighbour ", id.str(), " was added"));
  Records records = oam_;
  records.erase(id);
  RETURN_IF_ERROR(Save(records));
  oam_ = std::move(records);
  return absl::OkStatus();
}

absl::Status NeighbourStore::Replace(const std::vector<NeighbourRecord>& records) {
  Records replaced;
  for (const NeighbourRecord& record : records) {
    if (!replaced.emplace(record.id, record).second) {
      return absl::InvalidArgumentError(StrCat("[", replaced.size(), "].id: ", record.id.str(), " is there twice"));
    }
  }
  RETURN_IF_ERROR(Save(replaced));
  oam_ = std::move(replaced);
  return absl::OkStatus();
}

void NeighbourStore::Report(const NeighbourRecord& record) {
  if (!reported_.contains(record.id) && reported_.size() >= kMostReported) {
    common::LogWarning("neighbour.report_dropped", {{"neighbour", record.id.str()}, {"reported", reported_.size()}});
    return;
  }
  reported_[record.id] = record;
}

void NeighbourStore::LearnFromKeydist(const HenbId& id, const NeighbourFacts& facts) {
  // Only of neighbours that somebody here has named: what the service says of others leads to nothing.
  if (Knows(id)) keydist_[id] = facts;
}

std::vector<HenbId> NeighbourStore::Ids() const {
  std::set<HenbId> ids;
  for (const auto& [id, record] : oam_) ids.insert(id);
  for (const auto& [id, record] : reported_) ids.insert(id);
  return {ids.begin(), ids.end()};
}

bool NeighbourStore::Knows(const HenbId& id) const { return oam_.contains(id) || reported_.contains(id); }

NeighbourFacts NeighbourStore::FactsOf(const HenbId& id) const {
  NeighbourFacts facts;
  facts.id = id;
  if (const NeighbourRecord* record = Find(oam_, id)) facts = policy::FactsOf(*record, Source::kOam);
  if (const auto it = keydist_.find(id); it != keydist_.end()) policy::Merge(&facts, it->second);
  if (const NeighbourRecord* record = Find(reported_, id)) {
    policy::Merge(&facts, policy::FactsOf(*record, Source::kUnverified));
  }
  return facts;
}

const NeighbourRecord* NeighbourStore::RecordOf(const HenbId& id) const {
  if (const NeighbourRecord* record = Find(oam_, id)) return record;
  return Find(reported_, id);
}

std::vector<std::string> NeighbourStore::ToJson() const {
  std::vector<std::string> out;
  for (const HenbId& id : Ids()) {
    const NeighbourRecord* from_oam = Find(oam_, id);
    nlohmann::ordered_json record = nlohmann::ordered_json::parse(policy::WriteNeighbourRecord(*RecordOf(id)));
    record["source"] = policy::Name(from_oam != nullptr ? Source::kOam : Source::kUnverified);
    out.push_back(record.dump());
  }
  return out;
}

absl::Status NeighbourStore::Save(const Records& records) const {
  json list = json::array();
  for (const auto& [id, record] : records) list.push_back(json::parse(policy::WriteNeighbourRecord(record)));
  return common::WithContext(common::WriteFileAtomically(path_, json{{"neighbours", std::move(list)}}.dump(1) + "\n"),
                             "keeping the neighbours");
}

}  // namespace henb::x2sec::app
