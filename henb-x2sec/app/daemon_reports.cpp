#include "henb-x2sec/app/daemon_reports.h"

#include <filesystem>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/backend.h"
#include "henb-x2sec/app/loop_call.h"
#include "henb-x2sec/app/metrics.h"

namespace henb::x2sec::app {

std::vector<control::DoctorFinding> DaemonReports::Doctor() {
  const auto version = parts_.adapters.ike->CheckVersion();
  const std::optional<TokenView> token = parts_.adapters.look_at_token ? parts_.adapters.look_at_token() : std::nullopt;
  using Findings = std::vector<control::DoctorFinding>;
  auto findings =
      CallLoop<absl::StatusOr<Findings>>(parts_.loop, control::kAnswerWithin, [this, version, token](auto answer) {
        DoctorInputs inputs{.config = parts_.config,
                            .credentials = *parts_.credentials,
                            .now = parts_.clock.Now(),
                            .clock_floor = parts_.health->floor(),
                            .pluto_version = version,
                            .kernel = parts_.adapters.kernel->Snapshot(),
                            .guard_in_place = parts_.mirror->guard_as_desired(),
                            .revocation = parts_.revocation->View(),
                            .token = token,
                            .policy_problem = {},
                            .keydist_problem = {},
                            .secrets_include_hint = {},
                            .secrets_place = common::RequireMemoryFileSystem(
                                std::filesystem::path(parts_.config.secrets_file).parent_path().string())};
        if (parts_.backhaul) {
          inputs.backhaul_move = BackhaulMoveView{.reqid = parts_.backhaul->reqid(),
                                                  .problem = parts_.backhaul->problem(),
                                                  .expected = parts_.credentials->operator_credential().has_value()};
        }
        inputs.policy_problem = PolicyProblem(parts_.policy->policy(), parts_.clock.Now());
        if (parts_.links->AnyPsk() && !parts_.keys->health().ok()) {
          inputs.keydist_problem = std::string(parts_.keys->health().message());
        }
        inputs.secrets_include_hint = common::StrCat("include ", parts_.config.secrets_file);
        answer->Give(Diagnose(inputs));
      });
  if (findings.ok()) return *findings;
  return {{"daemon", false, std::string(findings.status().message()), "look into the journal"}};
}

std::string DaemonReports::Metrics() const {
  MetricsInputs inputs{.now = parts_.clock.Now(),
                       .links = parts_.links->Views(),
                       .guard = guard_counters_,
                       .credentials = CredentialViews(*parts_.credentials),
                       .enrolment = parts_.enrolment->View(),
                       .superseded_keys = parts_.succession->ToGo().size(),
                       .policy_version = {},
                       .policy_not_after = {},
                       .key_changes = parts_.key_changes->counts(),
                       .pluto_up = {},
                       .backhaul_up = parts_.health->health().backhaul_up,
                       .clock_sane = parts_.health->health().clock_sane,
                       .revocation = parts_.revocation->View().issuers};
  if (parts_.adapters.ipsec) inputs.pluto_up = parts_.mirror->pluto_running();
  if (const policy::Policy* held = parts_.policy->policy()) {
    inputs.policy_version = held->version;
    inputs.policy_not_after = held->not_after;
  }
  return RenderMetrics(inputs);
}

void DaemonReports::Refresh() {
  parts_.guard_worker->Run(
      [guard = parts_.adapters.guard.get()] { return guard->Counters(); },
      [this](absl::StatusOr<core::GuardCounters> counters) {
        guard_counters_.reset();
        if (counters.ok()) guard_counters_ = *counters;
        if (!parts_.config.metrics_textfile) return;
        parts_.guard_worker->Run(
            [path = *parts_.config.metrics_textfile, text = Metrics()] { return WriteMetricsFile(path, text); },
            [](const absl::Status& written) {
              if (!written.ok()) common::LogWarning("metrics.not_written", {{"error", written}});
            });
      });
}

}  // namespace henb::x2sec::app
