#include "henb-x2sec/app/config/service_url.h"

#include "common/strings.h"

namespace henb::x2sec::app {
namespace {

struct Parts {
  std::string_view host;
  std::string_view port;
};

Parts Split(std::string_view url) {
  const bool tls = url.starts_with("https://");
  const auto scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  Parts parts{.host = rest, .port = tls ? "443" : "80"};
  const auto bracket = rest.rfind(']');
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    parts = {.host = rest.substr(0, colon), .port = rest.substr(colon + 1)};
  }
  if (parts.host.size() > 2 && parts.host.front() == '[' && parts.host.back() == ']') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  return parts;
}

}  // namespace

bool IsPlainHttpUrl(std::string_view url) {
  if (!url.starts_with("http://") || Split(url).host.empty()) return false;
  return url.find_first_of(" \t\r\n\"<>") == std::string_view::npos;
}

std::string_view HostOf(std::string_view url) { return Split(url).host; }

std::optional<std::uint16_t> PortOf(std::string_view url) {
  const auto port = common::ParseNumber<std::uint16_t>(Split(url).port);
  return port && *port != 0 ? port : std::nullopt;
}

std::optional<core::BackhaulOnlyService> ServiceOf(std::string_view url) {
  const auto address = common::IpAddress::Parse(HostOf(url));
  const auto port = PortOf(url);
  if (!address.ok() || !port) return std::nullopt;
  return core::BackhaulOnlyService{*address, *port};
}

}  // namespace henb::x2sec::app
