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
#include "common/worker.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/credentials/provisioner.h"
#include "henb-x2sec/control/views.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/enroller.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

/// Runs the enrolment when a link asks for it, the renewal when it is due, and either at EnrolNow; again with back-off
/// and jitter until it succeeds (5 s … 5 min; while a certificate is held, up to a 16th of what is left of it, at most
/// 6 h). A held certificate that is valid is renewed by kur, else the vendor certificate enrols (R32). On success the
/// certificate is in NSS, pluto has reread its certificates and trusts the root, `done` is called. Loop thread.
class Enrolment {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& worker;    ///< One thread; jobs block for minutes.
    core::Enroller* enroller;  ///< None when CMP is left out or off: Request then fails with the reason.
    core::CertificateStore& store;
    core::IkeDaemon& ike;
    Credentials& credentials;
    std::function<bool()> clock_sane;  ///< R57: with a clock below its floor nothing is asked of a CA.
    /// The key of this ckaid may be superseded by what begins now; durably noted when it returns.
    std::function<absl::Status(const std::string& ckaid)> replacing;
    /// Transport INITIAL_IPSEC: the way to the RA/CA, for one attempt; an error begins with its event.
    std::function<void(std::function<void(absl::Status)>)> open_way;
    std::function<void()> close_way;
    std::function<void()> done;                       ///< Credentials have changed.
    std::function<void(const absl::Status&)> failed;  ///< An attempt failed; it is tried again.
    /// R36: what opens the symmetric credential, on the worker; none where there is none, or it is spent.
    std::function<std::optional<MacSecretOpener>()> mac_secret{};
    /// A certificate is installed: the credential, used or not, has done its work. On the worker; durable when it
    /// returns.
    std::function<absl::Status()> spend_mac_secret{};
  };
  explicit Enrolment(Parts parts);

  /// What the policy in force says; none: nothing runs.
  void SetTerms(std::optional<policy::Enrolment> terms);
  /// Some link waits for it. Does nothing while one runs, waits for its next attempt, or the device is enrolled.
  void Request();
  /// The certificate held is due for renewal. Does nothing while an attempt runs or waits for its time.
  void Renew();
  /// At start: goes on with what an earlier run was cut off in (R34).
  void Resume();
  /// An attempt now: a renewal where a valid certificate is held. FailedPrecondition with the reason when it cannot be.
  [[nodiscard]] absl::Status Now();
  /// The way to the RA/CA may be open again (backhaul up, address new, clock right): what waits for it comes soon.
  void PathChanged();
  /// A step that belongs to the last enrolment though others make it.
  void Note(std::string step, bool ok, std::string detail);
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
  [[nodiscard]] bool Enrolled() const { return parts_.credentials.Enrolled(parts_.clock.Now()); }
  [[nodiscard]] bool Wanted() const { return renewing_ || (wanted_ && !Enrolled()); }
  void Try();
  /// URL of the RA/CA, or of the NEM.
  /// The next attempt is a first one, for which the terms want the symmetric credential.
  [[nodiscard]] bool NeedsMacSecret() const;
  [[nodiscard]] const std::string& Server() const;
  void Start();
  void Ask(const core::EnrolRequest& request);
  void Finished(Outcome outcome);
  void Failed(const absl::Status& error);
  void ScheduleRetry(absl::Duration delay);
  void CancelRetry();
  [[nodiscard]] absl::Duration RetryIn(const absl::Status& error);
  Parts parts_;
  std::optional<policy::Enrolment> terms_;
  bool running_ = false;
  bool way_open_ = false;  ///< And to be closed.
  bool wanted_ = false;    ///< A link waits for it.
  bool renewing_ = false;  ///< Whether a certificate is held or not.
  int failures_ = 0;
  std::optional<common::EventLoop::TimerId> retry_;
  std::optional<absl::Time> next_attempt_;
  std::vector<control::EnrolmentStep> steps_;
  absl::Status last_error_;
};

}  // namespace henb::x2sec::app
