#include "henb-x2sec/pluto/release.h"

#include "common/status.h"

namespace henb::x2sec::pluto {
namespace {

constexpr std::string_view kProduct = "Libreswan ";
constexpr int kMajor = 4;
constexpr int kLowestMinor = 10;

}  // namespace

absl::StatusOr<std::string> SupportedRelease(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const auto refuse = [&](std::string_view why) {
    return absl::FailedPreconditionError(common::StrCat("pluto's release is not supported: \"", common::Quoted(line),
                                                        "\" ", why, "; Libreswan 4.x from 4.10 on is"));
  };
  if (!line.starts_with(kProduct)) return refuse("is not Libreswan");
  const std::string_view release = line.substr(kProduct.size(), line.find(' ', kProduct.size()) - kProduct.size());
  const auto parts = common::Split(release, '.');
  const auto major = common::ParseNumber<int>(parts[0]);
  // "4.10", "4.12.1", "4.15rc1": the digits of the minor number decide.
  const auto minor = parts.size() < 2
                         ? std::nullopt
                         : common::ParseNumber<int>(parts[1].substr(0, parts[1].find_first_not_of("0123456789")));
  if (!major || !minor) return refuse("has no release number");
  if (*major != kMajor || *minor < kLowestMinor) return refuse("is another release");
  return std::string(release);
}

}  // namespace henb::x2sec::pluto
