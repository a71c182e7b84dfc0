#include "henb-x2sec/app/config/enrolment_seg.h"

#include "common/status.h"

namespace henb::x2sec::app {

absl::StatusOr<EnrolmentSeg> ParseEnrolmentSeg(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return absl::InvalidArgumentError("must be identity@address");
  EnrolmentSeg seg;
  ASSIGN_OR_RETURN(seg.identity, common::HenbId::Parse(text.substr(0, at)));
  ASSIGN_OR_RETURN(seg.address, common::IpAddress::Parse(text.substr(at + 1)));
  return seg;
}

}  // namespace henb::x2sec::app
