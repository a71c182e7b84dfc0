#include "common/toml_reader.h"

#include <toml++/toml.h>

#include <optional>

#include "common/strings.h"

namespace henb::common {

struct TomlReader::Impl {
  std::string name;
  toml::table root;
  absl::Status error;
  bool ignore_rest = false;
  std::set<std::string, std::less<>> known;

  void Error(const toml::source_region& where, std::string_view what) {
    if (!error.ok()) return;
    error = absl::InvalidArgumentError(StrCat(name, ":", where.begin.line, ":", where.begin.column, ": ", what));
  }

  const toml::node* Find(std::string_view path) {
    known.insert(std::string(path));
    return root.at_path(path).node();
  }

  /// The node when it is there and of type T; a wrong type is an error.
  template <typename T>
  std::optional<T> Value(std::string_view path, std::string_view type) {
    const toml::node* node = Find(path);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<T>();
    if (!value) {
      Error(node->source(), StrCat(path, " must be ", type));
      return std::nullopt;
    }
    return *value;
  }

  template <typename T>
  void List(std::string_view path, std::string_view type, std::vector<T>* out) {
    const toml::node* node = Find(path);
    if (node == nullptr) return;
    if (!node->is_array()) return Error(node->source(), StrCat(path, " must be a list of ", type));
    out->clear();
    for (const toml::node& item : *node->as_array()) {
      auto value = item.value_exact<T>();
      if (!value) return Error(item.source(), StrCat(path, " must be a list of ", type));
      out->push_back(*value);
    }
  }

  void CheckUnknown(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string path = prefix.empty() ? std::string(key.str()) : StrCat(prefix, ".", key.str());
      if (known.contains(path)) continue;
      const auto below = known.lower_bound(path + ".");
      const bool is_section = node.is_table() && below != known.end() && below->starts_with(path + ".");
      if (is_section) {
        CheckUnknown(*node.as_table(), path);
      } else {
        Error(key.source(), StrCat("unknown key ", path));
      }
    }
  }
};

TomlReader::TomlReader(std::string_view text, std::string_view name) : impl_(std::make_unique<Impl>()) {
  impl_->name = name;
  try {
    impl_->root = toml::parse(text, name);
  } catch (const toml::parse_error& parse_error) {
    impl_->Error(parse_error.source(), parse_error.description());
  }
}

TomlReader::~TomlReader() = default;

bool TomlReader::Has(std::string_view path) { return impl_->Find(path) != nullptr; }

void TomlReader::String(std::string_view path, std::string* value) {
  if (auto v = impl_->Value<std::string>(path, "text")) *value = *v;
}

void TomlReader::Strings(std::string_view path, std::vector<std::string>* value) { impl_->List(path, "texts", value); }

void TomlReader::Bool(std::string_view path, bool* value) {
  if (auto v = impl_->Value<bool>(path, "true or false")) *value = *v;
}

void TomlReader::Int(std::string_view path, std::int64_t least, std::int64_t most, std::int64_t* value) {
  const auto v = impl_->Value<std::int64_t>(path, "a whole number");
  if (!v) return;
  if (*v < least || *v > most) return Fail(path, StrCat("must be from ", least, " to ", most));
  *value = *v;
}

void TomlReader::Ints(std::string_view path, std::int64_t least, std::int64_t most, std::vector<std::int64_t>* value) {
  std::vector<std::int64_t> list = *value;
  impl_->List(path, "whole numbers", &list);
  for (const std::int64_t v : list) {
    if (v < least || v > most) return Fail(path, StrCat("holds ", v, "; must be from ", least, " to ", most));
  }
  *value = list;
}

void TomlReader::Duration(std::string_view path, absl::Duration* value) {
  const auto v = impl_->Value<std::string>(path, "a duration such as \"30s\"");
  if (!v) return;
  absl::Duration parsed;
  if (!absl::ParseDuration(*v, &parsed) || parsed < absl::ZeroDuration() || parsed == absl::InfiniteDuration()) {
    return Fail(path, StrCat(Quoted(*v), " is not a duration such as \"30s\", \"10m\" or \"24h\""));
  }
  *value = parsed;
}

void TomlReader::Fail(std::string_view path, std::string_view what) {
  const toml::node* node = impl_->Find(path);
  impl_->Error(node == nullptr ? impl_->root.source() : node->source(), StrCat(path, " ", what));
}

void TomlReader::Require(std::string_view path) {
  if (impl_->Find(path) == nullptr) Fail(path, "is missing");
}

void TomlReader::IgnoreRest() { impl_->ignore_rest = true; }

absl::Status TomlReader::Finish() {
  if (impl_->error.ok() && !impl_->ignore_rest) impl_->CheckUnknown(impl_->root, "");
  return impl_->error;
}

}  // namespace henb::common
