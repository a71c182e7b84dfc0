#include "keydist-server/domain/audit_parts.h"

#include <algorithm>

#include "common/strings.h"

namespace henb::keydist::domain {
namespace {

constexpr std::size_t kDigits = 20;

std::size_t EndOfStem(std::string_view growing) { return std::min(growing.rfind('.'), growing.size()); }

std::string Padded(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

}  // namespace

std::string AuditPartName(std::string_view growing, std::uint64_t first, std::uint64_t last) {
  const std::size_t stem = EndOfStem(growing);
  return common::StrCat(growing.substr(0, stem), ".", Padded(first), "-", Padded(last), growing.substr(stem));
}

std::optional<AuditPart> ParseAuditPart(std::string_view growing, std::string_view name) {
  const std::size_t stem = EndOfStem(growing);
  if (name.size() != growing.size() + 2 * kDigits + 2) return std::nullopt;
  const auto first = common::ParseNumber<std::uint64_t>(name.substr(stem + 1, kDigits));
  const auto last = common::ParseNumber<std::uint64_t>(name.substr(stem + 2 + kDigits, kDigits));
  if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
  if (AuditPartName(growing, *first, *last) != name) return std::nullopt;
  return AuditPart{.name = std::string(name), .first = *first, .last = *last};
}

}  // namespace henb::keydist::domain
