#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/henb_id.h"
#include "common/ip_address.h"

namespace henb::x2sec::app {

/// A security gateway that lets a device without an operator certificate reach the RA/CA (R38).
struct EnrolmentSeg {
  common::IpAddress address;
  common::HenbId identity;  ///< The one dNSName of its certificate, below the operator's root.
  friend bool operator==(const EnrolmentSeg&, const EnrolmentSeg&) = default;
};

/// "segw.operator.example@10.8.0.253". InvalidArgument says what is wrong.
[[nodiscard]] absl::StatusOr<EnrolmentSeg> ParseEnrolmentSeg(std::string_view text);

}  // namespace henb::x2sec::app
