// Which release of libreswan is there (R23).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::x2sec::pluto {

/// "4.10" out of "Libreswan 4.10" or "Libreswan 4.10 IKEv2 IKEv1 XFRM …". FailedPrecondition when it is another
/// product, or another release than 4.x from 4.10 on: the words of whack and the lines of pluto change between major
/// releases. Pure; any thread.
[[nodiscard]] absl::StatusOr<std::string> SupportedRelease(std::string_view text);

}  // namespace henb::x2sec::pluto
