#pragma once

#include <string>
#include <vector>

namespace henb::common {

/// A table for people: left-aligned columns, two spaces between, a header line in capitals. One thread.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string Render() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace henb::common
