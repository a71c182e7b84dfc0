// OCSP over HTTP (RFC 6960 Appendix A), as much of it as pluto speaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::x2sec::ocspd {

inline constexpr std::size_t kMostRequest = 16U << 10;  ///< Head and body.

struct HttpQuestion {
  std::string der;     ///< An OCSPRequest.
  bool asked = false;  ///< Instead: what was asked of late (`GET /asked`, x2secd's question).
};

/// The question in what has come in so far: `GET /BASE64`, `POST` with its length, or `GET /asked`. nullopt: more must
/// come. InvalidArgument: it never will be one, or it is larger than kMostRequest. Pure.
[[nodiscard]] absl::StatusOr<std::optional<HttpQuestion>> ReadOcspHttp(std::string_view received);

/// The whole answer; the connection is closed after it.
[[nodiscard]] std::string OcspHttpAnswer(std::string_view der);
[[nodiscard]] std::string JsonHttpAnswer(std::string_view json);
[[nodiscard]] std::string BadRequestAnswer();

}  // namespace henb::x2sec::ocspd
