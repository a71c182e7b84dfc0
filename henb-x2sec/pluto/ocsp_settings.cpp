#include "henb-x2sec/pluto/ocsp_settings.h"

#include <optional>
#include <string_view>

#include "common/strings.h"

namespace henb::x2sec::pluto {
namespace {

/// The value of `key` in "key=value, key=value"; "<unset>" is empty.
std::optional<std::string_view> ValueOf(const WhackReply& reply, std::string_view key) {
  for (const ReplyLine& line : reply.lines) {
    const std::string_view text = line.text;
    const auto at = text.find(key);
    if (at == std::string_view::npos || (at != 0 && text[at - 1] != ' ')) continue;
    const std::string_view rest = text.substr(at + key.size());
    const std::string_view value = rest.substr(0, rest.find(", "));
    return value == "<unset>" ? std::string_view() : value;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<core::OcspSettings> ParseOcspSettings(const WhackReply& reply) {
  const auto enabled = ValueOf(reply, "ocsp-enable=");
  if (!enabled) return absl::InternalError("pluto's status does not tell of OCSP");
  const auto kept = ValueOf(reply, "ocsp-cache-max-age=").value_or("");
  return core::OcspSettings{.enabled = *enabled == "yes",
                            .strict = ValueOf(reply, "ocsp-strict=") == "yes",
                            .uri = std::string(ValueOf(reply, "ocsp-uri=").value_or("")),
                            .trusted_name = std::string(ValueOf(reply, "ocsp-trust-name=").value_or("")),
                            .answers_kept_s = common::ParseNumber<int>(kept).value_or(0)};
}

}  // namespace henb::x2sec::pluto
