#include "henb-x2sec/guard/guard_listing.h"

#include <string>

#include "common/strings.h"

namespace henb::x2sec::guard {
namespace {

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

/// The name in a line such as "\tset admitted4 {"; empty when it begins no block of that kind.
std::string_view BlockName(std::string_view line, std::string_view kind) {
  line = Trim(line);
  if (!line.starts_with(kind) || !line.ends_with(" {")) return {};
  line.remove_prefix(kind.size());
  line.remove_suffix(2);
  return line.starts_with(' ') ? line.substr(1) : std::string_view();
}

/// "packets 7 bytes 300".
std::optional<CounterValue> ParseCounter(std::string_view line) {
  const auto words = common::Split(Trim(line), ' ');
  if (words.size() != 4 || words[0] != "packets" || words[2] != "bytes") return std::nullopt;
  const auto packets = common::ParseNumber<std::uint64_t>(words[1]);
  const auto bytes = common::ParseNumber<std::uint64_t>(words[3]);
  if (!packets || !bytes) return std::nullopt;
  return CounterValue{*packets, *bytes};
}

}  // namespace

absl::StatusOr<Listing> ParseListing(std::string_view text) {
  constexpr std::string_view kElements = "elements = {";
  Listing listing;
  std::string set;
  std::string counter;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (const auto at = line.find(kElements); at != std::string_view::npos && !set.empty()) {
      text.remove_prefix(at + kElements.size());
      const auto end = text.find('}');
      if (end == std::string_view::npos) return absl::InvalidArgumentError("elements without an end in nft's listing");
      for (const std::string_view element : common::Split(text.substr(0, end), ',')) {
        listing.table.elements[set].emplace(Trim(element));
      }
      text.remove_prefix(std::min(text.size(), end + 2));  // the brace and its line's end
      continue;
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const auto name = BlockName(line, "set"); !name.empty()) {
      set = name;
      listing.table.elements[set];
    }
    if (const auto name = BlockName(line, "counter"); !name.empty()) counter = name;
    if (Trim(line) == "}") {
      set.clear();
      counter.clear();
    }
    const auto value = counter.empty() ? std::nullopt : ParseCounter(line);
    if (value) {
      listing.counters[counter] = *value;
      common::StrAppend(&listing.table.structure, "\t\tpackets 0 bytes 0\n");
    } else {
      common::StrAppend(&listing.table.structure, line, "\n");
    }
  }
  if (!listing.table.structure.starts_with("table ") || !listing.table.structure.ends_with("\n}\n")) {
    return absl::InvalidArgumentError("nft's listing is no whole table");
  }
  return listing;
}

}  // namespace henb::x2sec::guard
