// The control sockets' view of the daemon.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "henb-x2sec/app/credentials/provisioner.h"
#include "henb-x2sec/app/doctor.h"
#include "henb-x2sec/app/links/links.h"
#include "henb-x2sec/control/backend.h"
#include "policy/policy_store.h"

namespace henb::x2sec::app {

struct BackendParts {
  const Config& config;
  common::EventLoop& loop;
  const common::Clock& clock;
  Links& links;
  NeighbourStore& neighbours;
  policy::PolicyStore& policy;
  Credentials& credentials;
  Enrolment& enrolment;
  Provisioner& provisioner;
  std::function<void()> policy_changed;
  std::function<std::vector<control::DoctorFinding>()> doctor;  ///< Blocks; on the calling thread.
  std::function<std::string()> metrics;                         ///< On the loop.
};

/// For `credentials` and for metrics. Loop thread.
[[nodiscard]] std::vector<control::CredentialView> CredentialViews(const Credentials& credentials);

/// Every call goes over to the loop and waits for its answer there. Called on the control server's threads.
class Backend final : public control::ControlBackend {
 public:
  explicit Backend(BackendParts parts) : parts_(std::move(parts)) {}

  absl::StatusOr<std::vector<control::LinkView>> Links() override;
  absl::StatusOr<std::string> Explain(const common::HenbId& neighbour) override;
  absl::StatusOr<std::vector<std::string>> Neighbours() override;
  absl::StatusOr<control::PolicyView> Policy() override;
  absl::StatusOr<std::vector<control::PolicyHistoryEntry>> PolicyHistory() override;
  absl::StatusOr<std::vector<control::CredentialView>> Credentials() override;
  absl::StatusOr<control::EnrolmentView> Enrolment() override;
  absl::StatusOr<std::vector<control::DoctorFinding>> Doctor() override;
  absl::StatusOr<std::string> Metrics() override;

  absl::StatusOr<common::HenbId> AddNeighbour(std::string_view json) override;
  absl::Status RemoveNeighbour(const common::HenbId& neighbour) override;
  absl::StatusOr<control::NeighbourChanges> ReplaceNeighbours(std::string_view json) override;
  absl::StatusOr<common::HenbId> ReportNeighbour(std::string_view json) override;
  absl::StatusOr<control::PolicyPushResult> PushPolicy(std::string_view cms_der, bool dry_run) override;
  absl::StatusOr<control::ProvisionResult> Provision(std::string_view cms_der) override;
  absl::Status EnrolNow() override;
  absl::StatusOr<control::RotateReport> Rotate(const common::HenbId& neighbour, absl::Duration patience) override;

 private:
  [[nodiscard]] absl::StatusOr<control::PolicyPushResult> Push(const std::string& cms_der, bool dry_run);
  BackendParts parts_;
};

}  // namespace henb::x2sec::app
