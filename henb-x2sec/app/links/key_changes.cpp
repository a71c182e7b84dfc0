#include "henb-x2sec/app/links/key_changes.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(150);
constexpr absl::Duration kFreshAnswer = absl::Milliseconds(300);
constexpr absl::Duration kPeersChange = absl::Seconds(5);
constexpr absl::Duration kChildDeadline = absl::Seconds(12);

using Kind = core::KeyChangeAction::Kind;

/// Groups by IKE end points.
std::vector<std::vector<core::ConnectionSpec>> GroupByIke(const std::vector<core::ConnectionSpec>& connections) {
  std::map<std::pair<common::IpAddress, common::IpAddress>, std::vector<core::ConnectionSpec>> groups;
  for (const core::ConnectionSpec& spec : connections) {
    groups[{spec.local_ike_address, spec.peer_ike_address}].push_back(spec);
  }
  std::vector<std::vector<core::ConnectionSpec>> out;
  out.reserve(groups.size());
  for (auto& [ends, group] : groups) out.push_back(std::move(group));
  return out;
}

}  // namespace

KeyChanges::KeyChanges(Parts parts) : parts_(std::move(parts)) {}

void KeyChanges::Start(const common::HenbId& neighbour, const std::vector<core::ConnectionSpec>& connections,
                       std::function<void(absl::Status)> done) {
  if (parts_.ike == nullptr || connections.empty()) {
    return done(absl::FailedPreconditionError("the link has no IPsec to change keys of"));
  }
  if (Running(neighbour)) return done(absl::AlreadyExistsError("a key change is running"));
  Job job{.runs = {}, .done = std::move(done), .number = next_number_++};
  for (auto& group : GroupByIke(connections)) job.runs.push_back({std::move(group), {}});
  running_.emplace(neighbour, std::move(job));
  common::LogInfo("key_change.started", {{"neighbour", neighbour.str()}});
  Begin(neighbour, kFreshAnswer);
}

void KeyChanges::Abandon(const common::HenbId& neighbour) {
  if (Running(neighbour)) Finish(neighbour, absl::AbortedError("abandoned: the link itself changes"));
}

/// Starts on a fresh answer of pluto's, not on what was known before.
void KeyChanges::Begin(const common::HenbId& neighbour, absl::Duration in) {
  parts_.mirror.CheckPluto();
  parts_.loop.After(in, [this, neighbour, number = running_.at(neighbour).number] {
    const auto it = running_.find(neighbour);
    if (it == running_.end() || it->second.number != number) return;
    core::KeyChangeStep step = core::BeginKeyChange(View(it->second.runs.back()));
    const bool leftover = step.change.why_failed.starts_with("leftover");
    // An IKE SA that carries nothing yet may be the peer's change, which is to come to its end first.
    if (leftover && !std::exchange(it->second.waited, true)) return Begin(neighbour, kPeersChange);
    Advance(neighbour, std::move(step));
  });
}

core::KeyChangeView KeyChanges::View(const Run& run) const {
  core::KeyChangeView view{
      .now = parts_.clock.Steady(), .pluto_running = parts_.mirror.pluto_running(), .ike_sas = {}, .children = {}};
  const core::IkeSnapshot& ike = parts_.mirror.ike();
  for (const core::IkeSa& sa : ike.ike_sas) {
    const bool ours = std::any_of(run.connections.begin(), run.connections.end(),
                                  [&](const core::ConnectionSpec& spec) { return spec.name == sa.connection; });
    if (ours) view.ike_sas.push_back(sa);
  }
  for (const core::ConnectionSpec& spec : run.connections) {
    view.children.push_back(core::LiveChildren(spec, ike, parts_.mirror.kernel()));
  }
  return view;
}

void KeyChanges::Poll(const common::HenbId& neighbour, std::uint64_t number) {
  parts_.loop.After(kPollEvery, [this, neighbour, number] {
    const auto it = running_.find(neighbour);
    if (it == running_.end() || it->second.number != number) return;
    parts_.mirror.CheckStates();
    const Run& run = it->second.runs.back();
    Advance(neighbour, core::AdvanceKeyChange(run.change, View(run), core::KeyChangeLimits{}));
  });
}

void KeyChanges::Advance(const common::HenbId& neighbour, core::KeyChangeStep step) {
  Job& job = running_.at(neighbour);
  const std::uint64_t number = job.number;
  Run& run = job.runs.back();
  if (step.change.phase != run.change.phase) {
    common::LogInfo("key_change.phase",
                    {{"neighbour", neighbour.str()}, {"phase", core::PhaseName(step.change.phase)}});
  }
  run.change = std::move(step.change);
  const Run copy = run;  // an action may end the job
  for (const core::KeyChangeAction& action : step.actions) Execute(neighbour, copy, action);
  if (copy.change.phase == core::KeyChangePhase::kFailed) {
    return Finish(neighbour, absl::AbortedError(copy.change.why_failed));
  }
  if (copy.change.phase == core::KeyChangePhase::kDone) {
    job.runs.pop_back();
    if (job.runs.empty()) return Finish(neighbour, absl::OkStatus());
    return Begin(neighbour, kFreshAnswer);
  }
  Poll(neighbour, number);
}

void KeyChanges::Execute(const common::HenbId& neighbour, const Run& run, const core::KeyChangeAction& action) {
  const std::uint64_t number = running_.at(neighbour).number;
  const auto check = [this, neighbour, number](const absl::Status& status) {
    if (!status.ok()) Failed(neighbour, number, std::string(status.message()));
  };
  switch (action.kind) {
    case Kind::kReauthenticate:
      parts_.ike_worker.Run([ike = parts_.ike, serial = action.serial] { return ike->Reauthenticate(serial); }, check);
      break;
    case Kind::kOpenChild:
      parts_.initiate_worker.Run(
          [ike = parts_.ike, name = run.connections[action.connection].name] {
            return ike->Initiate(name, kChildDeadline);
          },
          [this, neighbour, number](absl::StatusOr<core::InitiateReport> report) {
            if (!report.ok()) return Failed(neighbour, number, std::string(report.status().message()));
            if (report->outcome != core::InitiateOutcome::kEstablished) {
              Failed(neighbour, number, common::StrCat("no_child: ", report->detail));
            }
          });
      break;
    case Kind::kMovePin:
      parts_.moved(run.connections[action.connection].name, action.spi);
      break;
    case Kind::kProbe: {
      const core::ConnectionSpec& spec = run.connections[action.connection];
      parts_.prober.Probe(spec.local_address, spec.peer_address);
      break;
    }
    case Kind::kDeleteState:
      parts_.mirror.DeleteState(action.serial);
      break;
  }
}

void KeyChanges::Failed(const common::HenbId& neighbour, std::uint64_t number, const std::string& why) {
  const auto it = running_.find(neighbour);
  if (it == running_.end() || it->second.number != number) return;
  const Run& run = it->second.runs.back();
  core::KeyChangeStep step = core::FailKeyChange(run.change, why, View(run));
  if (step.change.phase == run.change.phase) return;
  Advance(neighbour, std::move(step));
}

void KeyChanges::Finish(const common::HenbId& neighbour, const absl::Status& status) {
  auto node = running_.extract(neighbour);
  ++(status.ok() ? counts_.succeeded : counts_.failed);
  if (status.ok()) {
    common::LogInfo("key_change.done", {{"neighbour", neighbour.str()}});
  } else {
    common::LogAlarm("key_change.failed", {{"neighbour", neighbour.str()}, {"error", status}});
  }
  node.mapped().done(status);
}

}  // namespace henb::x2sec::app
