#include "henb-x2sec/app/daemon_events.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kCoalesce = absl::Milliseconds(15);

common::UniqueFd SignalFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  // Before the first thread is made: all inherit it.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return common::UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

DaemonEvents::DaemonEvents(DaemonParts& parts, std::string config_path, std::function<void()> on_slow_timer)
    : parts_(parts),
      config_path_(std::move(config_path)),
      on_slow_timer_(std::move(on_slow_timer)),
      signals_(SignalFd()) {}

void DaemonEvents::StartWatches() {
  if (const int fd = parts_.adapters.kernel->event_fd(); fd >= 0) {
    parts_.loop.WatchReadable(fd, [this] { KernelEvents(); });
  }
  if (const int fd = parts_.adapters.guard->event_fd(); fd >= 0) {
    parts_.loop.WatchReadable(fd, [this] {
      if (parts_.adapters.guard->ReadEvents()) parts_.mirror->CheckGuard();
    });
  }
  parts_.loop.WatchReadable(signals_.get(), [this] { Signals(); });
  parts_.loop.After(parts_.config.reconcile_every, [this] { SlowTimer(); });
}

void DaemonEvents::PlutoChanged(bool running) {
  if (!running) return common::LogAlarm("pluto.gone", {});
  common::LogInfo("pluto.running", {});
  if (parts_.credential_importer) parts_.credential_importer->Begin();
  parts_.succession->Begin();
  parts_.revocation->PlutoStarted();
}

void DaemonEvents::TokenBack() {
  if (parts_.credential_importer) parts_.credential_importer->Begin();
  parts_.ike_worker->Run(
      [config = parts_.config, &store = *parts_.adapters.certificates, roots = parts_.credentials->operator_roots()] {
        return Credentials::FindOperator(config, store, roots);
      },
      [this](absl::StatusOr<std::optional<Credential>> found) {
        if (!found.ok()) common::LogWarning("credentials.operator_unusable", {{"error", found.status()}});
        if (found.ok()) parts_.credentials->Restore(*std::move(found));
        parts_.links->ForgetFailures();
        parts_.links->EvaluateAll();
        ShowToKeyService();
      });
}

void DaemonEvents::ShowToKeyService() { parts_.adapters.show_to_key_service(*parts_.credentials, parts_.clock.Now()); }

void DaemonEvents::Enrolled() {
  // A certificate that enrolment verified was made after its notBefore: no clock may be below that (R57).
  const auto& enrolled = parts_.credentials->operator_credential();
  if (enrolled) parts_.health->RaiseFloor(enrolled->certificate.not_before());
  parts_.links->ForgetFailures();
  parts_.links->EvaluateAll();
  parts_.succession->Begin();
  parts_.revocation->TermsChanged();
  ShowToKeyService();
}

void DaemonEvents::PolicyChanged() {
  parts_.enrolment->SetTerms(parts_.EnrolmentTerms());
  parts_.links->ForgetFailures();
  LookAtHealth();
  parts_.links->EvaluateAll();
  parts_.revocation->TermsChanged();
}

/// Step 0 is done: what enrols by it does so now.
void DaemonEvents::Provisioned() {
  if (parts_.credential_importer) parts_.credential_importer->Begin();
  PolicyChanged();
  if (parts_.EnrolmentTerms()) parts_.enrolment->Request();
}

void DaemonEvents::LookAtHealth() {
  const policy::Policy* in_force = parts_.policy->policy();
  const policy::Health before = parts_.health->health();
  const std::optional<int> moved = parts_.backhaul ? std::optional(parts_.backhaul->reqid()) : std::nullopt;
  parts_.health->Look(parts_.mirror->kernel(), in_force != nullptr && in_force->backhaul.trusted, moved);
  const policy::Health& now = parts_.health->health();
  if (before.backhaul_up == now.backhaul_up && before.clock_sane == now.clock_sane) return;
  common::LogWarning("health.changed", {{"backhaul_up", now.backhaul_up}, {"clock_sane", now.clock_sane}});
  if (now.backhaul_up) {
    parts_.keys->PathChanged();
    parts_.revocation->PathChanged();
    parts_.cross_certificates->PathChanged();
  }
  if (!now.backhaul_up) parts_.revocation->PathLost();
  if (now.backhaul_up || now.clock_sane) parts_.enrolment->PathChanged();
  parts_.links->EvaluateAll();
}

void DaemonEvents::KernelEvents() {
  static_cast<void>(parts_.adapters.kernel->ReadEvents());  // that there was one is enough: the snapshot tells
  if (kernel_look_armed_) return;
  kernel_look_armed_ = true;  // what comes in a burst is looked at once
  parts_.loop.After(kCoalesce, [this] {
    kernel_look_armed_ = false;
    parts_.mirror->CheckKernel();
    LookAtHealth();
  });
}

void DaemonEvents::SlowTimer() {
  LookAtHealth();
  parts_.links->EvaluateAll();
  parts_.revocation->Tick();
  parts_.mirror->CheckAll();
  parts_.health->Save();
  parts_.renewal->Look();
  ShowToKeyService();
  on_slow_timer_();
  parts_.loop.After(parts_.random.Jitter(parts_.config.reconcile_every, 0.1), [this] { SlowTimer(); });
}

void DaemonEvents::Signals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      Reload();
      continue;
    }
    common::LogInfo("x2secd.stopping", {{"signal", info.ssi_signo}});
    parts_.loop.Stop();
  }
}

/// What docs/configuration.md marks "reload". A bad file changes nothing.
void DaemonEvents::Reload() {
  const auto text = common::ReadFile(config_path_);
  auto fresh = text.ok() ? LoadConfig(*text, config_path_) : absl::StatusOr<Config>(text.status());
  if (!fresh.ok()) {
    common::LogAlarm("config.refused", {{"error", fresh.status()}});
    return;
  }
  parts_.config.csg_id = fresh->csg_id;
  parts_.config.access_mode = fresh->access_mode;
  parts_.config.log = fresh->log;
  common::ConfigureLog(parts_.config.log);
  common::LogInfo("config.reloaded", {});
  parts_.links->EvaluateAll();
}

}  // namespace henb::x2sec::app
