#include "policy/json_reader.h"

#include <algorithm>

#include "common/status.h"
#include "policy/json_structure.h"

namespace henb::policy {
namespace {

std::string LineAndColumn(std::string_view text, std::size_t octet) {
  const std::string_view before = text.substr(0, octet == 0 ? 0 : octet - 1);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  return common::StrCat(line, ":", before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1);
}

bool Plain(std::string_view field) {
  return !field.empty() && field.size() <= 40 && std::all_of(field.begin(), field.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.octets) {
    return absl::InvalidArgumentError(
        common::StrCat("has ", text.size(), " octets; at most ", limits.octets, " are read"));
  }
  JsonStructure structure(limits.depth);
  if (!Json::sax_parse(text, &structure)) {
    if (structure.error_octet() == 0) return absl::InvalidArgumentError(structure.error());
    return absl::InvalidArgumentError(
        common::StrCat(LineAndColumn(text, structure.error_octet()), ": not JSON: ", structure.error()));
  }
  Json tree = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object()) return absl::InvalidArgumentError(common::StrCat("an object is expected, not ", TypeOf(tree)));
  return tree;
}

std::string_view TypeOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "text";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "a whole number";
    case Json::value_t::number_float:
      return "a number that is not whole or too large";
    default:
      return "something else";
  }
}

absl::StatusOr<absl::Time> ParseTimestamp(std::string_view text) {
  absl::Time time;
  std::string error;
  const bool zoned = text.size() >= 20 && text[10] == 'T' && (text.back() == 'Z' || text[text.size() - 3] == ':');
  if (!zoned || !absl::ParseTime(absl::RFC3339_full, common::ToAbsl(text), &time, &error)) {
    return absl::InvalidArgumentError(
        common::StrCat(common::Quoted(text), " is not a time (RFC 3339, as in 2026-01-31T12:00:00Z)"));
  }
  return time;
}

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(common::ToAbsl(text), &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(common::StrCat(common::Quoted(text), " is not a duration (as in 3600s or 24h)"));
  }
  return duration;
}

absl::StatusOr<std::string> ParseInterface(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= 15 && text != "." && text != ".." &&
                    std::all_of(text.begin(), text.end(),
                                [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '"' && c != '\\'; });
  if (!fine)
    return absl::InvalidArgumentError(common::StrCat(common::Quoted(text), " is not the name of an interface"));
  return std::string(text);
}

JsonObject::JsonObject(const Json* value, std::string path, Problems* problems)
    : object_(value), path_(std::move(path)), problems_(problems) {
  if (object_ == nullptr || object_->is_object()) return;
  Expected(path_, "an object", *object_);
  object_ = nullptr;
}

std::string JsonObject::PathOf(std::string_view field) const {
  const std::string shown = Plain(field) ? std::string(field) : common::Quoted(field);
  return path_.empty() ? shown : common::StrCat(path_, ".", shown);
}

const Json* JsonObject::Find(std::string_view field) {
  asked_.emplace(field);
  if (object_ == nullptr) return nullptr;
  const auto at = object_->find(field);
  if (at == object_->end() || (nullable_ && at->is_null())) return nullptr;
  return &*at;
}

void JsonObject::Require(std::string_view field) {
  if (object_ != nullptr && Find(field) == nullptr) problems_->Add(PathOf(field), "is missing");
}

JsonObject JsonObject::Object(std::string_view field) {
  JsonObject object(Find(field), PathOf(field), problems_);
  object.nullable_ = nullable_;
  return object;
}

const Json* JsonObject::Typed(std::string_view field, bool (Json::*is)() const noexcept, std::string_view expected) {
  const Json* value = Find(field);
  if (value == nullptr || (value->*is)()) return value;
  Expected(PathOf(field), expected, *value);
  return nullptr;
}

void JsonObject::Number(std::string_view field, std::uint64_t least, std::uint64_t most, std::uint64_t* out) {
  const Json* value = Typed(field, &Json::is_number_integer, "a whole number");
  if (value == nullptr) return;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() < least || value->get<std::uint64_t>() > most) {
    problems_->Add(PathOf(field), common::StrCat(value->dump(), " is not from ", least, " to ", most));
    return;
  }
  *out = value->get<std::uint64_t>();
}

const Json* JsonObject::Items(std::string_view field, bool may_be_empty) {
  const Json* list = Typed(field, &Json::is_array, "a list");
  if (list == nullptr) return nullptr;
  if (list->size() > kMostItems) {
    problems_->Add(PathOf(field), common::StrCat("has ", list->size(), " items; at most ", kMostItems, " are read"));
    return nullptr;
  }
  if (may_be_empty || !list->empty()) return list;
  problems_->Add(PathOf(field), "is an empty list; leave it out, or say what belongs into it");
  return nullptr;
}

void JsonObject::RefuseUnknown() {
  if (object_ == nullptr) return;
  for (const auto& [field, value] : object_->items()) {
    if (asked_.find(field) == asked_.end()) problems_->Add(PathOf(field), "unknown field");
  }
}

void JsonObject::Expected(const std::string& at, std::string_view expected, const Json& value) {
  problems_->Add(at, common::StrCat(expected, " is expected, not ", TypeOf(value)));
}

}  // namespace henb::policy
