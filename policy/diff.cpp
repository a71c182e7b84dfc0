#include "policy/diff.h"

#include <algorithm>
#include <map>

#include "common/status.h"
#include "policy/json_reader.h"
#include "policy/load.h"

namespace henb::policy {
namespace {

absl::StatusOr<Json> Parse(std::string_view text, std::string_view which) {
  RETURN_IF_ERROR_CTX(LoadPolicy(text).status(), which);
  return ParseJsonObject(text);
}

std::string Below(const std::string& path, const std::string& field) {
  return path.empty() ? field : common::StrCat(path, ".", field);
}

void DiffObjects(const Json& before, const Json& after, const std::string& path, std::vector<Difference>* out) {
  for (const auto& [field, value] : before.items()) {
    const std::string at = Below(path, field);
    const auto other = after.find(field);
    if (other == after.end()) {
      out->push_back({at, Change::kRemoved, value.dump(), ""});
    } else if (value.is_object() && other->is_object()) {
      DiffObjects(value, *other, at, out);
    } else if (value != *other) {
      out->push_back({at, Change::kChanged, value.dump(), other->dump()});
    }
  }
  for (const auto& [field, value] : after.items()) {
    if (!before.contains(field)) out->push_back({Below(path, field), Change::kAdded, "", value.dump()});
  }
}

std::map<std::string, std::size_t> Places(const Json& rules) {
  std::map<std::string, std::size_t> out;
  for (std::size_t i = 0; i < rules.size(); ++i) out[rules[i].at("id").get<std::string>()] = i;
  return out;
}

// The rules of `rules` that `others` has too, in order.
std::vector<std::string> CommonOrder(const Json& rules, const std::map<std::string, std::size_t>& others) {
  std::vector<std::string> out;
  for (const Json& rule : rules) {
    auto id = rule.at("id").get<std::string>();
    if (others.contains(id)) out.push_back(std::move(id));
  }
  return out;
}

void DiffRules(const Json& before, const Json& after, std::vector<Difference>* out) {
  const auto old_places = Places(before);
  const auto new_places = Places(after);
  for (const auto& [id, place] : old_places) {
    if (!new_places.contains(id)) out->push_back({"rules[" + id + "]", Change::kRemoved, before[place].dump(), ""});
  }
  for (const auto& [id, place] : new_places) {
    if (!old_places.contains(id)) out->push_back({"rules[" + id + "]", Change::kAdded, "", after[place].dump()});
  }
  const auto old_order = CommonOrder(before, new_places);
  const auto new_order = CommonOrder(after, old_places);
  for (std::size_t i = 0; i < new_order.size(); ++i) {
    const std::string& id = new_order[i];
    const std::string path = "rules[" + id + "]";
    if (old_order[i] != id) {
      out->push_back({path, Change::kMoved, common::StrCat(old_places.at(id)), common::StrCat(new_places.at(id))});
    }
    DiffObjects(before[old_places.at(id)], after[new_places.at(id)], path, out);
  }
}

}  // namespace

std::string_view Name(Change change) {
  switch (change) {
    case Change::kAdded:
      return "ADDED";
    case Change::kRemoved:
      return "REMOVED";
    case Change::kChanged:
      return "CHANGED";
    case Change::kMoved:
      return "MOVED";
  }
  return "UNKNOWN";
}

absl::StatusOr<std::vector<Difference>> DiffPolicies(std::string_view before, std::string_view after) {
  ASSIGN_OR_RETURN(Json old_tree, Parse(before, "old policy"));
  ASSIGN_OR_RETURN(Json new_tree, Parse(after, "new policy"));
  const Json old_rules = std::move(old_tree["rules"]);
  const Json new_rules = std::move(new_tree["rules"]);
  old_tree.erase("rules");
  new_tree.erase("rules");
  std::vector<Difference> out;
  DiffObjects(old_tree, new_tree, "", &out);
  DiffRules(old_rules, new_rules, &out);
  return out;
}

}  // namespace henb::policy
