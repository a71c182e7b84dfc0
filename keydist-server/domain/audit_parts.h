// Names of the files that one audit chain lies in. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace henb::keydist::domain {

/// A part that is whole: records `first` to `last`.
struct AuditPart {
  std::string name;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// "audit.jsonl", 1, 42 → "audit.00000000000000000001-00000000000000000042.jsonl": sorted by name they are sorted by
/// record, and stand before the file that grows.
[[nodiscard]] std::string AuditPartName(std::string_view growing, std::uint64_t first, std::uint64_t last);
/// The part that `name` is of the chain whose growing file is `growing`; none: it is no part of it.
[[nodiscard]] std::optional<AuditPart> ParseAuditPart(std::string_view growing, std::string_view name);

}  // namespace henb::keydist::domain
