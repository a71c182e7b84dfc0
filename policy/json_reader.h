// Reads JSON field by field, so that every error carries the path of its place. Inside this module only.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/strings.h"
#include "policy/names.h"
#include "policy/problem.h"

namespace henb::policy {

using Json = nlohmann::json;

struct JsonLimits {
  std::size_t octets = 1U << 20;
  int depth = 8;
};

/// One JSON object text (RFC 8259). InvalidArgument: too large, too deep, not UTF-8, a syntax error (with line:column),
/// a key given twice (with its path), or not an object.
[[nodiscard]] absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits = {});

/// "a whole number", "text"…, what a value is, for messages.
[[nodiscard]] std::string_view TypeOf(const Json& value);

/// RFC 3339 with a zone, "2026-01-31T12:00:00Z".
[[nodiscard]] absl::StatusOr<absl::Time> ParseTimestamp(std::string_view text);
/// "3600s", "24h", "1h30m": finite and not negative.
[[nodiscard]] absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);
/// A network interface's name as Linux allows them: 1 to 15 printable characters, none of them '/' or a space.
[[nodiscard]] absl::StatusOr<std::string> ParseInterface(std::string_view text);
/// The value of an enumeration's name; the error lists the names.
template <typename Enum>
[[nodiscard]] absl::StatusOr<Enum> ParseName(std::string_view text) {
  if (const auto value = FromName<Enum>(text); value.has_value()) return *value;
  std::string known;
  for (const std::string_view name : AllNames<Enum>()) common::StrAppend(&known, known.empty() ? "" : ", ", name);
  return absl::InvalidArgumentError(common::StrCat(common::Quoted(text), " is none of ", known));
}

/// One object being read. Each getter marks its field as known, reports what is wrong to `problems` and leaves `out`
/// alone then. A JsonObject over nothing (wrong type, absent) reads nothing.
class JsonObject {
 public:
  /// `value` must outlive this; null: nothing there.
  JsonObject(const Json* value, std::string path, Problems* problems);

  [[nodiscard]] bool present() const { return object_ != nullptr; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string PathOf(std::string_view field) const;
  /// The field's value; null when absent. With `nullable` a JSON null counts as absent.
  const Json* Find(std::string_view field);
  void Require(std::string_view field);
  [[nodiscard]] JsonObject Object(std::string_view field);

  template <typename T>
  void Bool(std::string_view field, T* out) {
    const Json* value = Typed(field, &Json::is_boolean, "true or false");
    if (value != nullptr) *out = value->get<bool>();
  }
  /// A whole number from `least` to `most`.
  void Number(std::string_view field, std::uint64_t least, std::uint64_t most, std::uint64_t* out);
  template <typename T>
  void Text(std::string_view field, const std::function<absl::StatusOr<T>(std::string_view)>& parse, T* out) {
    const Json* value = Typed(field, &Json::is_string, "text");
    if (value != nullptr) Parse<T>(*value, PathOf(field), parse, out);
  }
  template <typename T>
  void Text(std::string_view field, const std::function<absl::StatusOr<T>(std::string_view)>& parse,
            std::optional<T>* out) {
    T value{};
    const std::size_t before = problems_->size();
    Text<T>(field, parse, &value);
    if (Find(field) != nullptr && problems_->size() == before) *out = std::move(value);
  }
  /// A list of texts, without repetitions; an empty one is an error unless `may_be_empty`. Replaces `out` when the
  /// field is there.
  template <typename T>
  void List(std::string_view field, const std::function<absl::StatusOr<T>(std::string_view)>& parse,
            std::vector<T>* out, bool may_be_empty = false) {
    std::vector<T> items;
    const Json* list = Items(field, may_be_empty);
    if (list == nullptr) return;
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string at = common::StrCat(PathOf(field), "[", i, "]");
      const Json& item = (*list)[i];
      T value{};
      if (!item.is_string()) {
        Expected(at, "text", item);
      } else if (Parse<T>(item, at, parse, &value)) {
        if (!seen.insert(item.get_ref<const std::string&>()).second) problems_->Add(at, "is listed twice");
        items.push_back(std::move(value));
      }
    }
    *out = std::move(items);
  }
  static constexpr std::size_t kMostItems = 4096;
  /// The field as a list, checked to be one, not empty and of at most kMostItems; null when absent or wrong.
  const Json* Items(std::string_view field, bool may_be_empty = false);
  /// Reports every field that no getter asked for. Call last.
  void RefuseUnknown();
  void set_nullable(bool nullable) { nullable_ = nullable; }

 private:
  template <typename T>
  bool Parse(const Json& value, const std::string& at, const std::function<absl::StatusOr<T>(std::string_view)>& parse,
             T* out) {
    auto parsed = parse(value.get_ref<const std::string&>());
    if (!parsed.ok()) {
      problems_->Add(at, common::ToStd(parsed.status().message()));
      return false;
    }
    *out = *std::move(parsed);
    return true;
  }
  const Json* Typed(std::string_view field, bool (Json::*is)() const noexcept, std::string_view expected);
  void Expected(const std::string& at, std::string_view expected, const Json& value);

  const Json* object_;
  std::string path_;
  Problems* problems_;
  bool nullable_ = false;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace henb::policy
