#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "policy/enrolment_seg.h"

namespace henb::x2sec::app {

using EnrolmentSeg = policy::EnrolmentSeg;

/// "segw.operator.example@10.8.0.253". InvalidArgument says what is wrong.
[[nodiscard]] absl::StatusOr<EnrolmentSeg> ParseEnrolmentSeg(std::string_view text);

}  // namespace henb::x2sec::app
