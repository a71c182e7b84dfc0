// Strict reading of TOML configuration: unknown keys, wrong types and values out of range are refused with line and
// column.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace henb::common {

/// Reads one TOML document. Each getter takes "table.key", writes the value if the key is there, marks it as known, and
/// collects the first error; Finish() reports that error or the first unknown key. One thread.
class TomlReader {
 public:
  /// `name` (the path) stands before every error: "x2secd.toml:12:3: …".
  TomlReader(std::string_view text, std::string_view name);
  ~TomlReader();
  TomlReader(const TomlReader&) = delete;
  TomlReader& operator=(const TomlReader&) = delete;

  [[nodiscard]] bool Has(std::string_view path);
  void String(std::string_view path, std::string* value);
  void Strings(std::string_view path, std::vector<std::string>* value);
  void Bool(std::string_view path, bool* value);
  /// Refused outside [least, most].
  void Int(std::string_view path, std::int64_t least, std::int64_t most, std::int64_t* value);
  void Ints(std::string_view path, std::int64_t least, std::int64_t most, std::vector<std::int64_t>* value);
  /// Text such as "30s", "10m", "24h".
  void Duration(std::string_view path, absl::Duration* value);
  /// An error at this key's place, for checks of the caller's own.
  void Fail(std::string_view path, std::string_view what);
  /// The key must be there.
  void Require(std::string_view path);

  /// Keys that were not read are not unknown: for programs that read a part of another's configuration.
  void IgnoreRest();

  /// InvalidArgument with the place of the first error.
  [[nodiscard]] absl::Status Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::common
