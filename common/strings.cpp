#include "common/strings.h"

#include "absl/strings/escaping.h"

namespace henb::common {

std::string Quoted(std::string_view text, std::size_t most) {
  return StrCat("\"", absl::CHexEscape(ToAbsl(text.substr(0, most))), text.size() > most ? "…\"" : "\"");
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const auto at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) StrAppend(&out, &part == &parts.front() ? "" : separator, part);
  return out;
}

std::string ToHex(std::string_view bytes) { return absl::BytesToHexString(ToAbsl(bytes)); }

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return std::nullopt;
  }
  return absl::HexStringToBytes(ToAbsl(text));
}

}  // namespace henb::common
