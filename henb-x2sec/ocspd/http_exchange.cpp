#include "henb-x2sec/ocspd/http_exchange.h"

#include <strings.h>

#include "absl/strings/escaping.h"
#include "common/strings.h"

namespace henb::x2sec::ocspd {
namespace {

using common::StrCat;
using Request = absl::StatusOr<std::optional<HttpQuestion>>;

/// Of a URL's path (RFC 3986 §2.1); nullopt when a % is not followed by two digits.
std::optional<std::string> Unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto octet = common::FromHex(text.substr(i + 1, 2));
    if (!octet || octet->size() != 1) return std::nullopt;
    out += *octet;
    i += 2;
  }
  return out;
}

Request FromPath(std::string_view line) {
  std::string_view path = line.substr(std::string_view("GET ").size());
  path = path.substr(0, path.find(' '));
  if (path == "/asked") return HttpQuestion{.der = "", .asked = true};
  while (path.starts_with('/')) path.remove_prefix(1);
  const auto base64 = Unescaped(path);
  std::string der;
  if (!base64 || base64->empty() || !absl::Base64Unescape(common::ToAbsl(*base64), &der)) {
    return absl::InvalidArgumentError("the path is not base64");
  }
  return HttpQuestion{.der = std::move(der)};
}

std::optional<std::size_t> ContentLength(std::string_view head) {
  for (std::string_view line : common::Split(head, '\n')) {
    constexpr std::string_view kName = "content-length:";
    if (line.size() <= kName.size() || strncasecmp(line.data(), kName.data(), kName.size()) != 0) continue;
    line.remove_prefix(kName.size());
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    return common::ParseNumber<std::size_t>(line);
  }
  return std::nullopt;
}

std::string Answer(std::string_view status, std::string_view type, std::string_view body) {
  return StrCat("HTTP/1.0 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
                "\r\nConnection: close\r\n\r\n", body);
}

}  // namespace

Request ReadOcspHttp(std::string_view received) {
  if (received.size() > kMostRequest) return absl::InvalidArgumentError("the request is too large");
  const std::size_t head_end = received.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    return received.size() == kMostRequest ? Request(absl::InvalidArgumentError("the head is too large"))
                                           : Request(std::nullopt);
  }
  const std::string_view head = received.substr(0, head_end);
  const std::string_view line = head.substr(0, head.find("\r\n"));
  if (line.starts_with("GET ")) return FromPath(line);
  if (!line.starts_with("POST ")) return absl::InvalidArgumentError("neither GET nor POST");
  const auto length = ContentLength(head);
  const std::size_t body_at = head_end + 4;
  if (!length || *length == 0 || *length > kMostRequest - body_at) {
    return absl::InvalidArgumentError("a POST without its length, or too large");
  }
  if (received.size() - body_at < *length) return std::nullopt;
  return HttpQuestion{.der = std::string(received.substr(body_at, *length))};
}

std::string OcspHttpAnswer(std::string_view der) { return Answer("200 OK", "application/ocsp-response", der); }

std::string JsonHttpAnswer(std::string_view json) { return Answer("200 OK", "application/json", json); }

std::string BadRequestAnswer() { return Answer("400 Bad Request", "text/plain", "an OCSP request is taken here\n"); }

}  // namespace henb::x2sec::ocspd
