#include "common/prometheus_text.h"

namespace henb::common {
namespace {

std::string Escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void PrometheusText::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  StrAppend(&text_, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void PrometheusText::Begin(std::string_view suffix, const Labels& labels) {
  StrAppend(&text_, name_, suffix);
  char separator = '{';
  for (const auto& [key, label] : labels) {
    text_ += std::exchange(separator, ',');
    StrAppend(&text_, key, "=\"", Escaped(label), "\"");
  }
  if (!labels.empty()) text_ += '}';
}

void PrometheusText::Histogram(std::string_view name, std::string_view help, const LatencyHistogram::Snapshot& values) {
  Family(name, "histogram", help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < values.counts.size(); ++i) {
    below += values.counts[i];
    const bool last = i == LatencyHistogram::kBounds.size();
    const std::string bound = last ? "+Inf" : StrCat(absl::ToDoubleSeconds(LatencyHistogram::Bound(i)));
    Begin("_bucket", {{"le", bound}});
    StrAppend(&text_, " ", below, "\n");
  }
  Begin("_sum", {});
  StrAppend(&text_, " ", absl::ToDoubleSeconds(values.sum), "\n");
  Begin("_count", {});
  StrAppend(&text_, " ", below, "\n");
}

}  // namespace henb::common
