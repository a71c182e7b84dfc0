#include "henb-x2sec/app/enrolment/enrolment_address.h"

#include "henb-x2sec/app/config/service_url.h"

namespace henb::x2sec::app {
namespace {

std::optional<core::BackhaulOnlyService> ServiceBy(const std::optional<policy::Enrolment>& terms,
                                                   policy::Transport transport) {
  if (!terms || terms->transport != transport) return std::nullopt;
  const policy::Enrolment& enrolment = *terms;
  const std::string& url = enrolment.nem_url.empty() ? enrolment.server_url : enrolment.nem_url;
  if (!enrolment.nem_address) return ServiceOf(url);
  const auto port = PortOf(url);
  if (!port) return std::nullopt;
  return core::BackhaulOnlyService{*enrolment.nem_address, *port};
}

}  // namespace

std::optional<core::BackhaulOnlyService> BackhaulServiceOf(const std::optional<policy::Enrolment>& terms) {
  return ServiceBy(terms, policy::Transport::kBackhaul);
}

std::optional<core::BackhaulOnlyService> InitialServiceOf(const std::optional<policy::Enrolment>& terms) {
  return ServiceBy(terms, policy::Transport::kInitialIpsec);
}

}  // namespace henb::x2sec::app
