#include "henb-x2sec/app/daemon.h"

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/backend.h"
#include "henb-x2sec/app/daemon_events.h"
#include "henb-x2sec/app/daemon_parts.h"
#include "henb-x2sec/app/daemon_reports.h"
#include "henb-x2sec/control/control_server.h"

namespace henb::x2sec::app {

struct Daemon::Impl {
  Impl(Config config, std::string config_path)
      : parts(std::move(config)),
        reports(parts),
        events(parts, std::move(config_path), [this] { reports.Refresh(); }) {}
  ~Impl() {
    if (server) server->Stop();
  }

  absl::Status Start();
  absl::Status StartIke();
  absl::Status StartControl();

  DaemonParts parts;
  DaemonReports reports;
  DaemonEvents events;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<control::ControlServer> server;
};

absl::Status Daemon::Impl::Start() {
  RETURN_IF_ERROR(parts.OpenStores());
  parts.Make({.pluto_changed = [this](bool running) { events.PlutoChanged(running); },
              .enrolled = [this] { events.Enrolled(); },
              .links_changed =
                  [this] {
                    if (server) server->NotifyLinksChanged();
                  },
              .provisioned = [this] { events.Provisioned(); },
              .token_back = [this] { events.TokenBack(); }});
  RETURN_IF_ERROR_CTX(parts.mirror->TakeStock(), "kernel");
  parts.enrolment->SetTerms(parts.EnrolmentTerms());
  RETURN_IF_ERROR(StartIke());
  // Only now can links be decided as an earlier run decided them: what it left up is adopted, and nothing is taken down
  // for want of a fact.
  RETURN_IF_ERROR_CTX(parts.revocation->Start(), "revocation");
  if (parts.adapters.ipsec) {
    parts.cross_certificates->Start();
    parts.key_watch->Start();
  }
  // Before the first decision, which would otherwise shut links for want of it.
  if (parts.adapters.ipsec) parts.revocation->LearnPluto(parts.adapters.ike->Ocsp());
  if (parts.backhaul) parts.backhaul->Start();
  events.LookAtHealth();
  parts.links->EvaluateAll();
  parts.enrolment->Resume();
  // What was provisioned enrols by itself, whenever the power went.
  if (parts.provisioning->current() != nullptr && parts.EnrolmentTerms()) parts.enrolment->Request();
  parts.renewal->Look();
  events.StartWatches();
  RETURN_IF_ERROR(StartControl());
  common::LogInfo("x2secd.started", {{"id", parts.config.id.str()}});
  return absl::OkStatus();
}

absl::Status Daemon::Impl::StartIke() {
  if (!parts.adapters.ipsec) return absl::OkStatus();
  const auto version = parts.adapters.ike->CheckVersion();
  if (version.ok()) {
    common::LogInfo("pluto.version", {{"version", *version}});
  } else if (version.status().code() == absl::StatusCode::kFailedPrecondition) {
    return version.status();  // R23: a release that is not supported
  }
  parts.credential_importer->Now();
  return absl::OkStatus();
}

absl::Status Daemon::Impl::StartControl() {
  backend = std::make_unique<Backend>(
      BackendParts{parts.config, parts.loop, parts.clock, *parts.links, *parts.neighbours, *parts.policy,
                   *parts.credentials, *parts.enrolment, *parts.provisioner, [this] { events.PolicyChanged(); },
                   [this] { return reports.Doctor(); }, [this] { return reports.Metrics(); }});
  control::ControlServerConfig sockets;
  sockets.control_socket = parts.config.run_dir + "/control.sock";
  sockets.status_socket = parts.config.run_dir + "/status.sock";
  ASSIGN_OR_RETURN_CTX(server, control::ControlServer::Start(sockets, *backend), "control");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(Config config, std::string config_path) {
  auto impl = std::make_unique<Impl>(std::move(config), std::move(config_path));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

void Daemon::Run() {
  impl_->parts.loop.Run();
  impl_->parts.health->Save(true);
}

}  // namespace henb::x2sec::app
