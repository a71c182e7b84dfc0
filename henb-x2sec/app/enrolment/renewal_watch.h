// Looks at the dates of the device's certificates.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "common/clock.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/enrolment/enrolment.h"

namespace henb::x2sec::app {

/// Starts the renewal when it is due (R32), and raises alarms when a certificate nears its end: when the warning
/// begins, when half of that time is over, and when it has expired; once each in a run. Loop thread.
class RenewalWatch {
 public:
  struct Parts {
    const common::Clock& clock;
    const Credentials& credentials;
    Enrolment& enrolment;
    std::function<bool()> clock_sane;  ///< R57: with a clock below its floor no date says anything.
  };
  explicit RenewalWatch(Parts parts) : parts_(std::move(parts)) {}

  /// Every few seconds.
  void Look();

 private:
  void LookAt(const Credential& credential, std::string_view kind);
  Parts parts_;
  std::map<std::string, int> told_;  ///< By serial: how bad it was when last told.
  std::string due_;                  ///< Serial of the certificate whose renewal was begun.
};

}  // namespace henb::x2sec::app
