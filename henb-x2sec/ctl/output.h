// How values are written. For this program only: includes the JSON library.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "henb/control/v1/control.pb.h"

namespace henb::x2sec::ctl {

/// Keeps the order in which fields are written.
using Json = nlohmann::ordered_json;

/// RFC 3339 in UTC with "Z", to the millisecond where there is one.
[[nodiscard]] std::string TimeText(const google::protobuf::Timestamp& time);
/// 0x%08x.
[[nodiscard]] std::string SpiText(std::uint32_t spi);
/// One cell of a table: fit for a terminal, "-" when empty.
[[nodiscard]] std::string Cell(std::string_view text);

[[nodiscard]] Json LinkJson(const henb::control::v1::Link& link);
[[nodiscard]] Json CertificateJson(const henb::control::v1::Certificate& certificate);

/// Text of the daemon's that must be JSON. Internal when it is not.
[[nodiscard]] absl::StatusOr<Json> ParseAnswer(const std::string& text);

/// Indented, with a newline. Octets that are not UTF-8 become U+FFFD.
void Print(std::ostream& out, const Json& json);

/// An input file; what is wrong with it is InvalidArgument (NotFound would mean an object of the daemon's).
[[nodiscard]] absl::StatusOr<std::string> ReadInput(const std::string& path);

}  // namespace henb::x2sec::ctl
