#include "policy/json_structure.h"

#include "common/strings.h"

namespace henb::policy {

bool JsonStructure::key(string_t& name) {
  Level& level = levels_.back();
  level.key = name;
  if (level.keys.insert(name).second) return true;
  error_ = common::StrCat(Path(), ": given twice");
  return false;
}

bool JsonStructure::parse_error(std::size_t position, const std::string& /*last_token*/,
                                const nlohmann::detail::exception& e) {
  error_octet_ = position;
  const std::string_view text = e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
  const auto colon = text.find(": ");
  error_ = colon == std::string_view::npos ? "syntax error" : text.substr(colon + 2);
  return false;
}

bool JsonStructure::Value() {
  if (!levels_.empty() && levels_.back().is_array) ++levels_.back().index;
  return true;
}

bool JsonStructure::Open(bool is_array) {
  if (levels_.size() >= static_cast<std::size_t>(depth_)) {
    error_ = common::StrCat(Path(), ": more than ", depth_, " levels deep");
    return false;
  }
  levels_.push_back({is_array, 0, {}, {}});
  return true;
}

bool JsonStructure::Close() {
  levels_.pop_back();
  return Value();
}

std::string JsonStructure::Path() const {
  std::string out;
  for (const Level& level : levels_) {
    if (level.is_array) {
      common::StrAppend(&out, "[", level.index, "]");
    } else if (common::Quoted(level.key) == common::StrCat("\"", level.key, "\"")) {
      common::StrAppend(&out, out.empty() ? "" : ".", level.key);
    } else {
      common::StrAppend(&out, out.empty() ? "" : ".", common::Quoted(level.key));
    }
  }
  return out;
}

}  // namespace henb::policy
