#include "henb-x2sec/app/enrolment_address.h"

#include "common/strings.h"

namespace henb::x2sec::app {

std::optional<core::BackhaulOnlyService> BackhaulServiceOf(const policy::Policy& policy) {
  if (!policy.enrolment || policy.enrolment->transport != policy::Transport::kBackhaul) return std::nullopt;
  const policy::Enrolment& enrolment = *policy.enrolment;
  std::string_view rest = enrolment.nem_url.empty() ? enrolment.server_url : enrolment.nem_url;
  const bool tls = rest.starts_with("https://");
  rest.remove_prefix(std::min(rest.size(), rest.find("://") == std::string_view::npos ? 0 : rest.find("://") + 3));
  rest = rest.substr(0, rest.find('/'));
  std::string_view host = rest;
  std::string_view port = tls ? "443" : "80";
  const auto bracket = rest.rfind(']');
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto number = common::ParseNumber<std::uint16_t>(port);
  if (!number) return std::nullopt;
  if (enrolment.nem_address) return core::BackhaulOnlyService{*enrolment.nem_address, *number};
  const auto address = common::IpAddress::Parse(host);
  if (!address.ok()) return std::nullopt;
  return core::BackhaulOnlyService{*address, *number};
}

}  // namespace henb::x2sec::app
