// The text that Prometheus reads (exposition format 0.0.4).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/latency_histogram.h"
#include "common/strings.h"

namespace henb::common {

/// Families one after the other: each has its HELP and TYPE once, then its samples. A value; one thread.
class PrometheusText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  /// `type` is "gauge", "counter" or "histogram"; `help` has neither newline nor backslash.
  void Family(std::string_view name, std::string_view type, std::string_view help);
  /// A sample of the last family.
  template <typename Number>
  void Sample(const Labels& labels, Number value) {
    Begin("", labels);
    StrAppend(&text_, " ", value, "\n");
  }
  /// A family with one sample and no labels.
  template <typename Number>
  void Single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    Family(name, type, help);
    Sample({}, value);
  }
  /// A family of type histogram, in seconds.
  void Histogram(std::string_view name, std::string_view help, const LatencyHistogram::Snapshot& values);
  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  void Begin(std::string_view suffix, const Labels& labels);
  std::string text_;
  std::string name_;
};

}  // namespace henb::common
