// What the control interface asks of the daemon.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/henb_id.h"
#include "henb-x2sec/control/provision_view.h"
#include "henb-x2sec/control/views.h"

namespace henb::x2sec::control {

/// Every method but Rotate answers within this, or with DeadlineExceeded.
inline constexpr absl::Duration kAnswerWithin = absl::Seconds(10);

/// The daemon as its control sockets see it. Called from the control server's threads, several at once; methods block.
///
/// Errors become exit statuses of x2secctl (DESIGN: command lines): InvalidArgument for input that names its place,
/// NotFound for an unknown neighbour, PermissionDenied for a policy that is refused, FailedPrecondition for what cannot
/// be done now, DeadlineExceeded. A failed call has changed nothing. After the daemon's loop has ended: Unavailable.
class ControlBackend {
 public:
  virtual ~ControlBackend() = default;

  // Reading.

  /// Every link, ordered by neighbour.
  [[nodiscard]] virtual absl::StatusOr<std::vector<LinkView>> Links() = 0;
  /// The explanation as JSON, one object as `explain --json` prints it.
  [[nodiscard]] virtual absl::StatusOr<std::string> Explain(const common::HenbId& neighbour) = 0;
  /// Neighbour records as JSON, one object each, with `source` added.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> Neighbours() = 0;
  /// NotFound when no policy was ever applied.
  [[nodiscard]] virtual absl::StatusOr<PolicyView> Policy() = 0;
  [[nodiscard]] virtual absl::StatusOr<std::vector<PolicyHistoryEntry>> PolicyHistory() = 0;
  [[nodiscard]] virtual absl::StatusOr<std::vector<CredentialView>> Credentials() = 0;
  [[nodiscard]] virtual absl::StatusOr<EnrolmentView> Enrolment() = 0;
  [[nodiscard]] virtual absl::StatusOr<std::vector<DoctorFinding>> Doctor() = 0;
  /// Prometheus text exposition format 0.0.4.
  [[nodiscard]] virtual absl::StatusOr<std::string> Metrics() = 0;

  // Changing: on the admin socket only.

  /// `json` is one neighbour record as given; a known neighbour's record is replaced. Facts get the source OAM.
  [[nodiscard]] virtual absl::StatusOr<common::HenbId> AddNeighbour(std::string_view json) = 0;
  [[nodiscard]] virtual absl::Status RemoveNeighbour(const common::HenbId& neighbour) = 0;
  /// `json` is an array of records: afterwards OAM's neighbours are these and no others. All or nothing.
  [[nodiscard]] virtual absl::StatusOr<NeighbourChanges> ReplaceNeighbours(std::string_view json) = 0;
  /// A record found by RRM/SON; its facts get the source UNVERIFIED.
  [[nodiscard]] virtual absl::StatusOr<common::HenbId> ReportNeighbour(std::string_view json) = 0;
  /// `cms_der` as henb.oam.v1.PolicyService takes it.
  [[nodiscard]] virtual absl::StatusOr<PolicyPushResult> PushPolicy(std::string_view cms_der, bool dry_run) = 0;
  /// `cms_der` as `x2policy provision make` writes it. InvalidArgument, with the place, for whatever is wrong with it.
  [[nodiscard]] virtual absl::StatusOr<ProvisionResult> Provision(std::string_view cms_der) = 0;
  /// Starts an enrolment (or makes the waiting one start now) and returns.
  [[nodiscard]] virtual absl::Status EnrolNow() = 0;
  /// A key change of one link, to its end. Aborted with the reason when it failed and the old SA stays;
  /// FailedPrecondition when the link is not up with IPsec; DeadlineExceeded after `patience` (the change goes on).
  [[nodiscard]] virtual absl::StatusOr<RotateReport> Rotate(const common::HenbId& neighbour,
                                                            absl::Duration patience) = 0;
};

}  // namespace henb::x2sec::control
