// A daemon made of values, for tests of the control interface.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "henb-x2sec/control/backend.h"

namespace henb::x2sec::control {

/// Answers with what was put into it and remembers what was asked. Any thread.
class FakeBackend final : public ControlBackend {
 public:
  absl::StatusOr<std::vector<LinkView>> Links() override { return Answer(links); }
  absl::StatusOr<std::string> Explain(const common::HenbId& neighbour) override;
  absl::StatusOr<std::vector<std::string>> Neighbours() override { return Answer(neighbours); }
  absl::StatusOr<PolicyView> Policy() override;
  absl::StatusOr<std::vector<PolicyHistoryEntry>> PolicyHistory() override { return Answer(history); }
  absl::StatusOr<std::vector<CredentialView>> Credentials() override { return Answer(credentials); }
  absl::StatusOr<EnrolmentView> Enrolment() override { return Answer(enrolment); }
  absl::StatusOr<std::vector<DoctorFinding>> Doctor() override { return Answer(findings); }
  absl::StatusOr<std::string> Metrics() override { return Answer(metrics); }

  absl::StatusOr<common::HenbId> AddNeighbour(std::string_view json) override { return Take("add", json); }
  absl::Status RemoveNeighbour(const common::HenbId& neighbour) override;
  absl::StatusOr<NeighbourChanges> ReplaceNeighbours(std::string_view json) override;
  absl::StatusOr<common::HenbId> ReportNeighbour(std::string_view json) override { return Take("report", json); }
  absl::StatusOr<PolicyPushResult> PushPolicy(std::string_view cms_der, bool dry_run) override;
  absl::StatusOr<ProvisionResult> Provision(std::string_view cms_der) override;
  absl::Status EnrolNow() override;
  absl::StatusOr<RotateReport> Rotate(const common::HenbId& neighbour, absl::Duration patience) override;

  /// Changes the state of a link, seen by the next call.
  void SetState(const std::string& neighbour, const std::string& state);
  /// Every changing call so far, such as "remove henb-b.example".
  [[nodiscard]] std::vector<std::string> changes() const;
  /// Every call fails with this from now on.
  void FailWith(absl::Status status);

  // Set before the server starts; afterwards through the methods above.
  std::vector<LinkView> links;
  std::map<std::string, std::string> explanations;
  std::vector<std::string> neighbours;
  std::optional<PolicyView> policy;
  std::vector<PolicyHistoryEntry> history;
  std::vector<CredentialView> credentials;
  EnrolmentView enrolment;
  std::vector<DoctorFinding> findings;
  std::string metrics;
  NeighbourChanges replaced;
  PolicyPushResult pushed;
  RotateReport rotated;
  ProvisionResult provisioned;

 private:
  template <typename T>
  absl::StatusOr<T> Answer(const T& value) const {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    return value;
  }
  absl::Status Note(const std::string& change);
  absl::StatusOr<common::HenbId> Take(const std::string& verb, std::string_view json);

  mutable std::mutex mutex_;
  absl::Status failure_;
  std::vector<std::string> changes_;
};

}  // namespace henb::x2sec::control
