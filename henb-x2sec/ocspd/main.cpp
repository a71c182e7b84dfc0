// x2sec-ocspd: answers pluto's questions about certificates, with or without x2secd. docs/revocation.md.
#include <signal.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/file.h"
#include "common/log.h"
#include "common/secret_bytes.h"
#include "common/status.h"
#include "common/tcp_listener.h"
#include "henb-x2sec/ocspd/journal.h"
#include "henb-x2sec/ocspd/ocspd_config.h"
#include "henb-x2sec/ocspd/responder.h"
#include "henb-x2sec/ocspd/server.h"
#include "henb-x2sec/ocspd/verdict_source.h"

namespace {

using namespace henb;         // NOLINT(google-build-using-namespace)
using namespace henb::x2sec;  // NOLINT(google-build-using-namespace)

constexpr int kWaiting = 64;  // Connections that nobody has accepted yet.

common::UniqueFd EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return common::UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

absl::Status Serve(const ocspd::OcspdConfig& config) {
  ASSIGN_OR_RETURN(ocspd::Signer signer, ocspd::LoadSigner(config.certificate, config.key));
  ASSIGN_OR_RETURN(common::UniqueFd listener, ocspd::TakeListener(getenv("LISTEN_PID"), getenv("LISTEN_FDS")));
  const bool handed_over = listener.valid();
  if (!handed_over) {
    ASSIGN_OR_RETURN(listener, common::ListenOn(config.address, config.port, kWaiting));
  }
  const common::UniqueFd signals = EndSignals();
  const common::SystemClock clock;
  common::EventLoop loop(clock);
  const ocspd::Responder responder(std::move(signer));
  ocspd::VerdictSource verdicts(config.verdicts);
  ocspd::Journal journal;
  const auto answer = [&](const ocspd::HttpQuestion& question) {
    if (question.asked) return ocspd::JsonHttpAnswer(journal.Json());
    const absl::Time now = clock.Now();
    const auto judge = [&](const revocation::Subject& subject) {
      const revocation::Verdict verdict = verdicts.Judge(subject, now);
      journal.Add(subject, verdict, now);
      return verdict;
    };
    return ocspd::OcspHttpAnswer(responder.Answer(question.der, judge, now));
  };
  // x2secd sees in the journal what is asked, asks the authority, and leaves its word: within a second or so.
  const auto awaits = [&](const ocspd::HttpQuestion& question, bool first) {
    if (question.asked) return false;
    const absl::Time now = clock.Now();
    bool awaited = false;
    for (const revocation::Subject& subject : ocspd::Responder::SubjectsOf(question.der)) {
      if (!verdicts.IsAwaited(subject, now)) continue;
      awaited = true;
      if (first) journal.Add(subject, revocation::Verdict::kUnknown, now);
    }
    return awaited;
  };
  const ocspd::Server server(loop, std::move(listener), answer, {}, awaits);
  loop.WatchReadable(signals.get(), [&loop] { loop.Stop(); });
  common::LogInfo("ocspd.started", {{"handed_over", handed_over}, {"verdicts", config.verdicts}});
  loop.Run();
  return absl::OkStatus();
}

absl::Status MakeSigner(const ocspd::OcspdConfig& config) {
  RETURN_IF_ERROR(ocspd::MakeSigner(config.certificate, config.key, common::SystemClock().Now()));
  std::cout << config.certificate << "\n";
  return absl::OkStatus();
}

absl::Status Run(const std::string& path, bool make_signer) {
  const auto text = common::ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(common::StrCat(text.status().message()));
  ASSIGN_OR_RETURN(const ocspd::OcspdConfig config, ocspd::ReadOcspdConfig(*text, path));
  return make_signer ? MakeSigner(config) : Serve(config);
}

}  // namespace

int main(int argc, char** argv) {
  common::DisableCoreDumps();
  common::ConfigureLog({.json = false, .least = common::LogLevel::kInfo, .program = "x2sec-ocspd"});
  CLI::App app("Answers pluto's OCSP questions on loopback from the verdicts that x2secd leaves.", "x2sec-ocspd");
  std::string config = "/etc/henb-x2sec/x2secd.toml";
  bool make_signer = false;
  app.add_option("--config", config, "x2secd's configuration")->capture_default_str();
  app.add_flag("--make-signer", make_signer,
               "Make the responder's key and certificate, say where the certificate is, end");
  app.set_version_flag("--version", "x2sec-ocspd " X2SEC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? common::kExitDone : common::kExitInvalid;
  }
  const absl::Status status = Run(config, make_signer);
  if (!status.ok()) std::cerr << "x2sec-ocspd: " << status.message() << "\n";
  return common::ExitStatusOf(status);
}
