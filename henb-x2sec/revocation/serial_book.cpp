#include "henb-x2sec/revocation/serial_book.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/strings.h"

namespace henb::x2sec::revocation {

absl::StatusOr<std::vector<Asked>> ParseAsked(std::string_view json) {
  const nlohmann::json whole = nlohmann::json::parse(json, nullptr, false);
  if (!whole.is_object()) return absl::InvalidArgumentError("is not a JSON object");
  try {
    std::vector<Asked> out;
    for (const nlohmann::json& each : whole.at("asked")) {
      out.push_back({.serial = each.at("serial").get<std::string>(),
                     .at = absl::FromUnixMillis(each.at("at_ms").get<std::int64_t>()),
                     .name_hash = each.value("name_hash", ""),
                     .key_hash = each.value("key_hash", "")});
    }
    return out;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(common::StrCat("is not understood: ", error.what()));
  }
}

void SerialBook::Learn(const common::HenbId& id, absl::Time when, const std::vector<Asked>& asked) {
  std::set<std::string> now;
  for (const Asked& each : asked) {
    if (each.at >= when - kBefore && each.at <= when + kAfter) now.insert(each.serial);
  }
  if (now.empty()) {
    candidates_.erase(id);
    return;
  }
  std::set<std::string>& known = candidates_[id];
  std::set<std::string> both;
  std::set_intersection(known.begin(), known.end(), now.begin(), now.end(), std::inserter(both, both.end()));
  known = both.empty() ? std::move(now) : std::move(both);  // none in common: he has another certificate
}

SerialBook::Answer SerialBook::Has(const common::HenbId& id, const std::vector<std::string>& serials) const {
  const auto it = candidates_.find(id);
  if (it == candidates_.end()) return Answer::kMayBe;
  const bool any = std::any_of(serials.begin(), serials.end(),
                               [&](const std::string& serial) { return it->second.contains(serial); });
  if (!any) return Answer::kNo;
  return it->second.size() == 1 ? Answer::kOnly : Answer::kMayBe;
}

}  // namespace henb::x2sec::revocation
