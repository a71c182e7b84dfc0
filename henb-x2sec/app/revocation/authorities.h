// The CAs whose certificates are judged, and where their lists are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "henb-x2sec/app/config/revocation_config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/core/ports/guard.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

enum class Side : std::uint8_t { kVendor, kOperator };

/// A CA that may issue to neighbours (a root, or one below it), the root it ends at, and whose that is.
struct Authority {
  common::Certificate certificate;
  common::SpkiHash anchor;
  Side side = Side::kVendor;
};

/// The roots of this device, the CAs of its own paths, and those of `revocation.authorities`, of the sides (vendor,
/// operator) for which there are sources; each once. InvalidArgument names the file. Reads one.
[[nodiscard]] absl::StatusOr<std::vector<Authority>> AuthoritiesOf(const RevocationConfig& config,
                                                                   const Credentials& credentials);

/// URLs of lists: configured ones, and the distribution points (RFC 5280 §4.2.1.13, http only, for all reasons) of the
/// device's own certificates whose host is allowed; each once. Pure.
[[nodiscard]] std::vector<std::string> ListUrls(const RevocationConfig& config, const Credentials& credentials);

/// The servers of these URLs that may be reached inside the backhaul only: where the policy's enrolment says BACKHAUL
/// (or there is none), and the URL has an address in numbers. Pure.
[[nodiscard]] std::vector<core::BackhaulOnlyService> ListServices(const std::vector<std::string>& urls,
                                                                  const policy::Policy* policy);

/// http URLs in the distribution points of a certificate. Pure.
[[nodiscard]] std::vector<std::string> DistributionPoints(const common::Certificate& certificate);

}  // namespace henb::x2sec::app
