#pragma once

#include <optional>

#include "common/henb_id.h"
#include "common/ip_address.h"

namespace henb::policy {

/// A security gateway that lets a device without an operator certificate reach the RA/CA (R38, R66).
struct EnrolmentSeg {
  std::optional<common::IpAddress> address;  ///< None: `identity` is looked up in DNS.
  common::HenbId identity;                   ///< The one dNSName of its certificate, below the operator's root.
  friend bool operator==(const EnrolmentSeg&, const EnrolmentSeg&) = default;
};

}  // namespace henb::policy
