#include "common/henb_id.h"

#include "absl/strings/ascii.h"
#include "common/strings.h"

namespace henb::common {
namespace {

absl::Status Refuse(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(StrCat(Quoted(text, 220), " is not a HeNB identity: ", why));
}

bool IsLabel(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  for (const char c : label) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<HenbId> HenbId::Parse(std::string_view text) {
  if (text.empty()) return Refuse(text, "it is empty");
  if (text.size() > kMaxLength) return Refuse(text, "longer than 200 octets");
  if (text.find('*') != std::string_view::npos) return Refuse(text, "a wildcard names no one");
  if (text.back() == '.') return Refuse(text, "it ends with a dot");
  if (text.find('.') == std::string_view::npos) return Refuse(text, "a full domain name has a dot");
  for (const char c : text) {
    if (absl::ascii_isupper(c)) return Refuse(text, "it must be in lower case");
  }
  for (const std::string_view label : Split(text, '.')) {
    if (!IsLabel(label)) {
      return Refuse(text, "labels are 1 to 63 letters, digits and hyphens, and neither start nor end with a hyphen");
    }
  }
  return HenbId(text);
}

}  // namespace henb::common
