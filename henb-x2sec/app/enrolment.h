// Enrolment is one procedure of the device, to which links subscribe (DESIGN 3).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "henb-x2sec/app/config.h"
#include "henb-x2sec/app/credentials.h"
#include "henb-x2sec/app/worker.h"
#include "henb-x2sec/control/views.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/enroller.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

/// Runs the enrolment when a link asks for it, again with back-off and jitter (5 s … 5 min) until it succeeds, and at
/// EnrolNow. On success the certificate is in NSS, pluto has reread its certificates and trusts the root, `done` is
/// called. Loop thread.
class Enrolment {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    Worker& worker;            ///< One thread; jobs block for minutes.
    core::Enroller* enroller;  ///< None when CMP is left out or off: Request then fails with the reason.
    core::CertificateStore& store;
    core::IkeDaemon& ike;
    Credentials& credentials;
    std::function<void()> done;                       ///< Credentials have changed.
    std::function<void(const absl::Status&)> failed;  ///< An attempt failed; it is tried again.
  };
  explicit Enrolment(Parts parts);

  /// What the policy in force says; none: nothing runs.
  void SetTerms(std::optional<policy::Enrolment> terms);
  /// Some link waits for it. Does nothing while one runs, waits for its next attempt, or the device is enrolled.
  void Request();
  /// An attempt now. FailedPrecondition with the reason when it cannot be.
  [[nodiscard]] absl::Status Now();
  /// The way to the RA/CA may be open again (backhaul up, address new): an attempt that waits because it was not
  /// reachable comes soon.
  void PathChanged();
  [[nodiscard]] control::EnrolmentView View() const;

 private:
  /// What the worker brings back.
  struct Outcome {
    absl::StatusOr<Credential> credential;
    absl::Status told_ike_daemon;  ///< Reread and trust; a pluto that is down reads all at its start.
  };
  /// Why no attempt can be made whatever the network does; OK when one can.
  [[nodiscard]] absl::Status Obstacle() const;
  [[nodiscard]] core::EnrolRequest MakeRequest() const;
  void Start();
  void Finished(Outcome outcome);
  void Failed(const absl::Status& error);
  void ScheduleRetry(absl::Duration delay);
  void CancelRetry();
  void Note(std::string step, bool ok, std::string detail);
  Parts parts_;
  std::optional<policy::Enrolment> terms_;
  bool running_ = false;
  bool wanted_ = false;
  int failures_ = 0;
  std::optional<common::EventLoop::TimerId> retry_;
  std::optional<absl::Time> next_attempt_;
  std::vector<control::EnrolmentStep> steps_;
  absl::Status last_error_;
};

}  // namespace henb::x2sec::app
