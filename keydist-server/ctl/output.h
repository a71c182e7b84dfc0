// Messages as JSON and as cells of tables. Members are never left out: what does not apply is null.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "henb/keydist/v1/admin.pb.h"

namespace henb::keydist::ctl {

[[nodiscard]] std::string Rfc3339(const google::protobuf::Timestamp& time);  ///< UTC, whole seconds.
[[nodiscard]] nlohmann::ordered_json ToJson(const v1::Henb& henb);
[[nodiscard]] nlohmann::ordered_json ToJson(const v1::Pair& pair);
[[nodiscard]] nlohmann::ordered_json ToJson(const v1::Epoch& epoch);
[[nodiscard]] nlohmann::ordered_json ToJson(const v1::ServerStatus& status);
[[nodiscard]] std::string StateName(v1::HenbState state);
[[nodiscard]] std::string RuleName(v1::PairRule rule);
/// To standard output.
void Print(const nlohmann::ordered_json& json);
void Print(const std::string& text);

}  // namespace henb::keydist::ctl
