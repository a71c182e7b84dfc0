#include "henb-x2sec/pluto/whack_daemon.h"

#include "common/status.h"
#include "henb-x2sec/pluto/add_reply.h"
#include "henb-x2sec/pluto/fingerprint.h"
#include "henb-x2sec/pluto/initiate_report.h"
#include "henb-x2sec/pluto/ocsp_settings.h"
#include "henb-x2sec/pluto/release.h"
#include "henb-x2sec/pluto/state_list.h"

namespace henb::x2sec::pluto {

using common::StrCat;
using whack_command::Arguments;

namespace {

constexpr std::string_view kRunningRelease = "pluto_version=";
constexpr absl::Duration kPeersAnswer = absl::Seconds(2);

/// pluto's word for it, where it should have said `expected`.
absl::Status Unexpected(std::string_view expected, const WhackReply& reply) {
  return absl::InternalError(StrCat("pluto did not say \"", expected, "\" but \"", reply.Last(), "\""));
}

}  // namespace

absl::StatusOr<WhackReply> WhackDaemon::RunAttached(const Arguments& words, absl::Duration deadline) {
  common::ProcessRequest request;
  request.argv = {options_.whack};
  if (!options_.control_socket.empty())
    request.argv.insert(request.argv.end(), {"--ctlsocket", options_.control_socket});
  request.argv.insert(request.argv.end(), words.begin(), words.end());
  request.deadline = deadline;
  request.keep_output_at_deadline = true;
  ASSIGN_OR_RETURN(const common::ProcessResult result, runner_.Run(request));
  return ParseReply(result);
}

absl::StatusOr<WhackReply> WhackDaemon::Run(const Arguments& words, std::string_view what) {
  RETURN_IF_ERROR_CTX(EnsureRelease(), what);
  const absl::MutexLock lock(&one_at_a_time_);
  ASSIGN_OR_RETURN_CTX(WhackReply reply, RunAttached(words, options_.deadline), what);
  if (reply.timed_out) {
    return absl::DeadlineExceededError(
        StrCat(what, ": pluto did not answer within ", absl::FormatDuration(options_.deadline)));
  }
  return reply;
}

absl::Status WhackDaemon::EnsureRelease() {
  const absl::MutexLock lock(&release_mutex_);
  if (release_known_) return absl::OkStatus();
  common::ProcessRequest request;
  request.argv = {options_.whack};
  for (std::string& word : whack_command::Version()) request.argv.push_back(std::move(word));
  request.deadline = options_.deadline;
  auto result = runner_.Run(request);
  if (absl::IsNotFound(result.status())) {
    return absl::FailedPreconditionError(StrCat("libreswan is not installed: ", result.status().message()));
  }
  RETURN_IF_ERROR(result.status());
  RETURN_IF_ERROR(SupportedRelease(result->output).status());
  release_known_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::string> WhackDaemon::CheckVersion() {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::Status(), "release of pluto"));
  for (const ReplyLine& line : reply.lines) {
    if (!line.text.starts_with(kRunningRelease)) continue;
    const std::string_view rest = std::string_view(line.text).substr(kRunningRelease.size());
    return SupportedRelease(StrCat("Libreswan ", rest.substr(0, rest.find(','))));
  }
  return absl::FailedPreconditionError("the running pluto does not tell its release");
}

absl::StatusOr<core::IkeSnapshot> WhackDaemon::Snapshot() {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::Status(), "status of pluto"));
  return ParseStatus(reply);
}

absl::StatusOr<core::IkeSnapshot> WhackDaemon::States() {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::ShowStates(), "states of pluto"));
  return ParseStates(reply);
}

std::string WhackDaemon::Fingerprint(const core::ConnectionSpec& spec) const {
  const auto words = whack_command::Add(spec, options_.timers);
  return words.ok() ? words->back() : std::string();
}

absl::Status WhackDaemon::AddOnce(const core::ConnectionSpec& spec, const Arguments& words) {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(words, StrCat("adding ", spec.name)));
  return ReadAddReply(spec, reply);
}

absl::Status WhackDaemon::Add(const core::ConnectionSpec& spec) {
  ASSIGN_OR_RETURN(const Arguments words, whack_command::Add(spec, options_.timers));
  absl::Status added = AddOnce(spec, words);
  if (absl::IsAlreadyExists(added)) {
    RETURN_IF_ERROR(Delete(spec.name));
    added = AddOnce(spec, words);
  }
  if (absl::IsFailedPrecondition(added) || absl::IsInternal(added)) {
    // What pluto took otherwise than meant must not stay: it would be weaker than asked for.
    RETURN_IF_ERROR_CTX(Delete(spec.name), StrCat(added.message(), "; and taking it back"));
  }
  return added;
}

absl::Status WhackDaemon::Delete(const std::string& name) {
  ASSIGN_OR_RETURN(const Arguments words, whack_command::Delete(name));
  return Run(words, StrCat("deleting ", name)).status();
}

absl::StatusOr<core::InitiateReport> WhackDaemon::Initiate(const std::string& name, absl::Duration deadline) {
  ASSIGN_OR_RETURN(const Arguments words, whack_command::Initiate(name));
  RETURN_IF_ERROR(EnsureRelease());
  ASSIGN_OR_RETURN_CTX(const WhackReply reply, RunAttached(words, deadline), StrCat("initiating ", name));
  if (reply.Has("no connection named")) return absl::NotFoundError(StrCat("pluto has no connection ", name));
  return ReadInitiateReport(reply);
}

absl::Status WhackDaemon::Reauthenticate(std::uint64_t ike_serial) {
  const std::string what = StrCat("reauthenticating #", ike_serial);
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::Reauthenticate(ike_serial), what));
  if (reply.Has("not found")) return absl::NotFoundError(StrCat(what, ": no such state"));
  if (reply.Has("REAUTH event handler")) return absl::OkStatus();
  return common::WithContext(Unexpected("calling REAUTH event handler", reply), what);
}

absl::Status WhackDaemon::DeleteState(std::uint64_t serial) {
  RETURN_IF_ERROR(EnsureRelease());
  const absl::MutexLock lock(&one_at_a_time_);
  // Whether it was there or not: it is gone now, and the next snapshot tells. whack stays until the peer has answered;
  // pluto goes on alone.
  return common::WithContext(RunAttached(whack_command::DeleteState(serial), kPeersAnswer).status(),
                             StrCat("deleting #", serial));
}

absl::Status WhackDaemon::TakeDown(const std::string& foreign) {
  ASSIGN_OR_RETURN(const Arguments words, whack_command::TakeDown(foreign));
  return Run(words, StrCat("taking down ", foreign)).status();
}

absl::Status WhackDaemon::BringUp(const std::string& foreign) {
  ASSIGN_OR_RETURN(const Arguments words, whack_command::BringUp(foreign));
  return Run(words, StrCat("bringing up ", foreign)).status();
}

absl::Status WhackDaemon::RereadSecrets() {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::RereadSecrets(), "rereading secrets"));
  if (!reply.Has("loading secrets from")) return Unexpected("loading secrets from", reply);
  if (!options_.secrets_path.empty() && !reply.Has(StrCat("loading secrets from \"", options_.secrets_path, "\""))) {
    return absl::FailedPreconditionError(StrCat("pluto did not read ", options_.secrets_path,
                                                ": its secrets file must say `include ", options_.secrets_path, "`"));
  }
  return absl::OkStatus();
}

absl::Status WhackDaemon::RereadCertificates() {
  return Run(whack_command::RereadCertificates(), "rereading certificates").status();
}

absl::Status WhackDaemon::TrustNewRoots() {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::FreeRootCertificates(), "trusting new roots"));
  if (!reply.Has("EVENT_FREE_ROOT_CERTS")) return Unexpected("EVENT_FREE_ROOT_CERTS", reply);
  return absl::OkStatus();
}

absl::Status WhackDaemon::ForgetOcspAnswers() {
  return Run(whack_command::PurgeOcsp(), "forgetting OCSP answers").status();
}

absl::StatusOr<core::OcspSettings> WhackDaemon::Ocsp() {
  ASSIGN_OR_RETURN(const WhackReply reply, Run(whack_command::Status(), "asking for the OCSP settings"));
  return ParseOcspSettings(reply);
}

}  // namespace henb::x2sec::pluto
