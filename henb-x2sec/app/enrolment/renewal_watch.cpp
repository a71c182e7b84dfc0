#include "henb-x2sec/app/enrolment/renewal_watch.h"

#include "common/log.h"
#include "henb-x2sec/app/enrolment/renewal_schedule.h"

namespace henb::x2sec::app {
namespace {

constexpr int kExpired = 3;

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

}  // namespace

void RenewalWatch::Look() {
  if (!parts_.clock_sane()) return;
  LookAt(parts_.credentials.vendor(), "VENDOR");
  const std::optional<Credential>& held = parts_.credentials.operator_credential();
  if (!held) return;
  LookAt(*held, "OPERATOR");
  const absl::Time due = RenewalDue(held->certificate);
  if (parts_.clock.Now() < due) return;
  const std::string serial = held->certificate.serial_hex();
  if (due_ != serial) {
    due_ = serial;
    common::LogInfo("renewal.due", {{"serial", serial}, {"due", Rfc3339(due)}});
  }
  parts_.enrolment.Renew();
}

void RenewalWatch::LookAt(const Credential& credential, std::string_view kind) {
  const common::Certificate& certificate = credential.certificate;
  const absl::Time now = parts_.clock.Now();
  const absl::Time from = ExpiryWarningFrom(certificate.not_before(), certificate.not_after());
  const absl::Time half = from + (certificate.not_after() - from) / 2;
  int bad = now >= half ? 2 : 1;
  if (now < from) bad = 0;
  if (now >= certificate.not_after()) bad = kExpired;
  int& told = told_[certificate.serial_hex()];
  if (bad <= told) return;
  told = bad;
  const std::string serial = certificate.serial_hex();
  const std::string not_after = Rfc3339(certificate.not_after());
  if (bad == kExpired) {
    common::LogAlarm("credential.expired", {{"kind", kind}, {"serial", serial}, {"not_after", not_after}});
  } else {
    const std::int64_t left = absl::ToInt64Seconds(certificate.not_after() - now);
    common::LogAlarm("credential.expiring",
                     {{"kind", kind}, {"serial", serial}, {"not_after", not_after}, {"left_s", left}});
  }
}

}  // namespace henb::x2sec::app
