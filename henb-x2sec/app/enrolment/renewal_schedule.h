// When an operator certificate is due for renewal (R32).
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "common/certificate.h"

namespace henb::x2sec::app {

/// Between 60 % and 66 % of the lifetime, so before 2/3. The place within is drawn from the certificate itself (the
/// first octets of its key's hash): devices enrolled together are due apart, and a restart changes nothing.
[[nodiscard]] inline absl::Time RenewalDue(absl::Time not_before, absl::Time not_after, std::uint32_t draw) {
  const absl::Duration lifetime = not_after - not_before;
  const double fraction = 0.60 + 0.06 * (static_cast<double>(draw) / 4294967296.0);
  return not_before + lifetime * fraction;
}

/// From when a certificate's end is an alarm: the last fifth of its lifetime, but not more than 30 days. A renewal has
/// been due for long by then.
[[nodiscard]] inline absl::Time ExpiryWarningFrom(absl::Time not_before, absl::Time not_after) {
  return not_after - std::min((not_after - not_before) / 5, absl::Hours(30 * 24));
}

[[nodiscard]] inline absl::Time RenewalDue(const common::Certificate& certificate) {
  std::uint32_t draw = 0;
  for (const char digit : certificate.spki().ToHex().substr(0, 8)) {
    draw = draw * 16 + static_cast<std::uint32_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return RenewalDue(certificate.not_before(), certificate.not_after(), draw);
}

}  // namespace henb::x2sec::app
