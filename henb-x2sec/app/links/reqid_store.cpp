#include "henb-x2sec/app/links/reqid_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using nlohmann::json;

constexpr int kSmallest = 1;
constexpr int kLargest = 16379;  // Above it pluto gives them out itself.
constexpr int kFirst = 1001;     // Small ones are what people write into connections of their own.

absl::Status Damaged(std::string_view place, std::string_view what) {
  return absl::InvalidArgumentError(StrCat(place, ": ", what));
}

/// {"reqids": {"henb-b.example": 1001}}
absl::StatusOr<std::map<common::HenbId, int>> Parse(const std::string& text) {
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) return Damaged("$", "not JSON");
  if (!root.is_object() || root.size() != 1 || !root.contains("reqids") || !root["reqids"].is_object()) {
    return Damaged("$", "must be an object with the one field \"reqids\"");
  }
  std::map<common::HenbId, int> reqids;
  std::set<int> given;
  for (const auto& [name, value] : root["reqids"].items()) {
    const std::string place = StrCat("reqids[", common::Quoted(name, 220), "]");
    ASSIGN_OR_RETURN_CTX(common::HenbId id, common::HenbId::Parse(name), place);
    if (!value.is_number_integer() || value < kSmallest || value > kLargest) {
      return Damaged(place, StrCat("must be a whole number from ", kSmallest, " to ", kLargest));
    }
    if (!given.insert(value.get<int>()).second) return Damaged(place, "is another neighbour's, too");
    reqids[std::move(id)] = value.get<int>();
  }
  return reqids;
}

std::string Render(const std::map<common::HenbId, int>& reqids) {
  json list = json::object();
  for (const auto& [id, reqid] : reqids) list[id.str()] = reqid;
  return json{{"reqids", std::move(list)}}.dump(1) + "\n";
}

}  // namespace

absl::StatusOr<ReqidStore> ReqidStore::Open(std::string path, std::optional<int> reserved) {
  ReqidStore store;
  store.path_ = std::move(path);
  store.reserved_ = reserved;
  const absl::StatusOr<std::string> text = common::ReadFile(store.path_);
  if (absl::IsNotFound(text.status())) return store;
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN_CTX(store.reqids_, Parse(*text), store.path_);
  for (const auto& [id, reqid] : store.reqids_) {
    if (reqid != reserved) continue;
    return Damaged(store.path_, StrCat(id.str(), " has reqid ", reqid,
                                       ", which backhaul.reqid names now: give the backhaul another one"));
  }
  return store;
}

absl::StatusOr<int> ReqidStore::For(const common::HenbId& neighbour) {
  if (const auto it = reqids_.find(neighbour); it != reqids_.end()) return it->second;
  std::set<int> taken = All();
  if (reserved_) taken.insert(*reserved_);
  constexpr int kCount = kLargest - kSmallest + 1;
  for (int i = 0; i < kCount; ++i) {
    const int reqid = kSmallest + (kFirst - kSmallest + i) % kCount;
    if (taken.contains(reqid)) continue;
    std::map<common::HenbId, int> reqids = reqids_;
    reqids[neighbour] = reqid;
    RETURN_IF_ERROR_CTX(common::WriteFileAtomically(path_, Render(reqids)),
                        StrCat("keeping the reqid of ", neighbour.str()));
    reqids_ = std::move(reqids);
    return reqid;
  }
  return absl::ResourceExhaustedError(StrCat(path_, ": all ", taken.size(), " reqids are given away"));
}

std::set<int> ReqidStore::All() const {
  std::set<int> out;
  for (const auto& [id, reqid] : reqids_) out.insert(reqid);
  return out;
}

}  // namespace henb::x2sec::app
