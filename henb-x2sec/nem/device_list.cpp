#include "henb-x2sec/nem/device_list.h"

#include "common/status.h"

namespace henb::x2sec::nem {
namespace {

std::vector<std::string_view> Words(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  std::vector<std::string_view> out;
  line = line.substr(0, line.find('#'));
  for (std::size_t at = line.find_first_not_of(kSpace); at != std::string_view::npos;
       at = line.find_first_not_of(kSpace, at)) {
    const std::size_t end = std::min(line.find_first_of(kSpace, at), line.size());
    out.push_back(line.substr(at, end - at));
    at = end;
  }
  return out;
}

}  // namespace

absl::StatusOr<DeviceList> DeviceList::Parse(std::string_view text) {
  DeviceList out;
  int number = 0;
  for (const std::string_view line : common::Split(text, '\n')) {
    ++number;
    const std::string place = common::StrCat("line ", number);
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    if (words.size() > 2) return absl::InvalidArgumentError(common::StrCat(place, ": more than a name and an anchor"));
    ASSIGN_OR_RETURN_CTX(const common::HenbId device, common::HenbId::Parse(words[0]), place);
    std::optional<common::SpkiHash> anchor;
    if (words.size() == 2) {
      ASSIGN_OR_RETURN_CTX(anchor, common::Sha256Digest::ParseHex(words[1]), place);
    }
    if (!out.devices_.emplace(device, anchor).second)
      return absl::InvalidArgumentError(common::StrCat(place, ": ", device.str(), " is there already"));
  }
  return out;
}

bool DeviceList::Allows(const common::HenbId& device, const common::SpkiHash& anchor) const {
  const auto found = devices_.find(device);
  return found != devices_.end() && (!found->second.has_value() || *found->second == anchor);
}

}  // namespace henb::x2sec::nem
