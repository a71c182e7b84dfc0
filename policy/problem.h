// What is wrong with an input, and where.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/strings.h"

namespace henb::policy {

struct Problem {
  std::string path;  ///< "rules[3].match.networks[0]"; empty: the whole.
  std::string what;
  bool warning = false;  ///< The input is taken all the same.

  [[nodiscard]] std::string ToString() const { return path.empty() ? what : common::StrCat(path, ": ", what); }
};

/// Problems in the order found; the first error decides. One thread.
class Problems {
 public:
  static constexpr std::size_t kMost = 100;

  void Add(std::string_view path, std::string_view what) { Put(path, what, false); }
  void Warn(std::string_view path, std::string_view what) { Put(path, what, true); }
  [[nodiscard]] std::size_t size() const { return list_.size(); }
  [[nodiscard]] const std::vector<Problem>& list() const { return list_; }
  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  /// OK without errors, else InvalidArgument with the first.
  [[nodiscard]] absl::Status status() const {
    const auto first = std::find_if(list_.begin(), list_.end(), [](const Problem& p) { return !p.warning; });
    return first == list_.end() ? absl::OkStatus() : absl::InvalidArgumentError(first->ToString());
  }

 private:
  void Put(std::string_view path, std::string_view what, bool warning) {
    if (!warning) ++errors_;
    if (list_.size() < kMost || (!warning && errors_ == 1))
      list_.push_back({std::string(path), std::string(what), warning});
  }
  std::vector<Problem> list_;
  std::size_t errors_ = 0;
};

}  // namespace henb::policy
