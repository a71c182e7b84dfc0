#include "henb-x2sec/app/enrolment_address.h"

#include "common/strings.h"

namespace henb::x2sec::app {

namespace {

std::optional<core::BackhaulOnlyService> ServiceOf(std::string_view rest) {
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
  const auto address = common::IpAddress::Parse(host);
  const auto number = common::ParseNumber<std::uint16_t>(port);
  if (!address.ok() || !number) return std::nullopt;
  return core::BackhaulOnlyService{*address, *number};
}

std::optional<core::BackhaulOnlyService> ServiceBy(const policy::Policy& policy, policy::Transport transport) {
  if (!policy.enrolment || policy.enrolment->transport != transport) return std::nullopt;
  return ServiceOf(policy.enrolment->server_url);
}

}  // namespace

std::optional<core::BackhaulOnlyService> BackhaulServiceOf(const policy::Policy& policy) {
  return ServiceBy(policy, policy::Transport::kBackhaul);
}

std::optional<core::BackhaulOnlyService> InitialServiceOf(const policy::Policy& policy) {
  return ServiceBy(policy, policy::Transport::kInitialIpsec);
}

}  // namespace henb::x2sec::app
