#include "henb-x2sec/app/enrolment/enrolment.h"

#include <algorithm>
#include <utility>

#include "common/backoff.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/enrolment/renewal_schedule.h"
#include "policy/names.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

// An RA/CA that was not reachable is tried again sooner than one that said no: a fresh box enrols right after its
// backhaul is there.
constexpr absl::Duration kFirstRetryUnreachable = absl::Seconds(2);
constexpr absl::Duration kFirstRetry = absl::Seconds(5);
constexpr absl::Duration kLongestRetry = absl::Minutes(5);
// A renewal has time, and there are many devices: the less is left of the certificate, the more often.
constexpr int kTriesInWhatIsLeft = 16;
constexpr absl::Duration kLongestRenewalRetry = absl::Hours(6);
constexpr absl::Duration kShortestLongestRetry = absl::Seconds(10);
constexpr absl::Duration kSoon = absl::Milliseconds(500);
constexpr double kJitter = 0.25;
constexpr std::size_t kMostSteps = 64;

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

/// Errors of the enroller begin with the name of the event ("cmp.untrusted_path: …").
std::string EventOf(const absl::Status& error) {
  const std::string_view message = common::ToStd(error.message());
  const std::string_view word = message.substr(0, message.find(':'));
  const bool is_name = word.size() < message.size() && word.find('.') != std::string_view::npos &&
                       word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._") == std::string_view::npos;
  return is_name ? std::string(word) : "enrolment.failed";
}

}  // namespace

Enrolment::Enrolment(Parts parts) : parts_(std::move(parts)) {}

void Enrolment::SetTerms(std::optional<policy::Enrolment> terms) {
  if (terms == terms_) return;
  terms_ = std::move(terms);
  // Waiting was for the old server, or for there to be one.
  CancelRetry();
  failures_ = 0;
  if (terms_ && Wanted()) Try();
}

void Enrolment::Request() {
  wanted_ = true;
  if (!Enrolled()) Try();
}

void Enrolment::Renew() {
  renewing_ = true;
  Try();
}

void Enrolment::Resume() {
  if (parts_.enroller != nullptr && parts_.enroller->Unfinished()) Renew();
}

void Enrolment::Try() {
  if (running_ || retry_) return;
  const absl::Status obstacle = Obstacle();
  if (obstacle.ok()) return Start();
  if (obstacle != last_error_) {
    steps_.clear();
    last_error_ = obstacle;
    Note("enrolment.failed", false, std::string(common::ToStd(obstacle.message())));
    common::LogWarning("enrolment.failed", {{"reason", obstacle}, {"step", "enrolment.obstacle"}});
  }
  // Not from within the caller's own step.
  parts_.loop.Post([this, obstacle] { parts_.failed(obstacle); });
}

absl::Status Enrolment::Now() {
  if (running_) return absl::FailedPreconditionError("an enrolment is running");
  RETURN_IF_ERROR(Obstacle());
  CancelRetry();
  failures_ = 0;
  renewing_ = renewing_ || Enrolled();
  Start();
  return absl::OkStatus();
}

void Enrolment::PathChanged() {
  if (!retry_ && Wanted()) return Try();
  if (!retry_ || !absl::IsUnavailable(last_error_)) return;
  failures_ = 0;
  ScheduleRetry(parts_.random.Jitter(kSoon, 1.0));
}

absl::Status Enrolment::Obstacle() const {
  if (!parts_.config.with_cmp)
    return absl::FailedPreconditionError("CMP is left out of this build or switched off (features.cmp)");
  if (parts_.enroller == nullptr) return absl::FailedPreconditionError("there is no CMP client");
  if (!terms_) return absl::FailedPreconditionError("the policy in force names no enrolment");
  // What was cut off after the CA's confirmation needs no credential any more.
  if (NeedsMacSecret() && !parts_.mac_secret().has_value() && !parts_.enroller->Unfinished()) {
    return absl::FailedPreconditionError(
        "credential MAC_SECRET: this device has none, or it is spent (x2secctl provision brings one)");
  }
  if (!parts_.clock_sane())
    return absl::FailedPreconditionError("the clock is behind its floor: nothing can be checked");
  if (UsableRoots(*terms_, parts_.credentials.known_roots()).empty() && RootTermsOf(*terms_, {}).none()) {
    return absl::FailedPreconditionError(
        "no operator root is provisioned (credentials.operator_root, x2secctl provision), and the policy lets none in "
        "(pinned_roots, "
        "late_binding)");
  }
  return absl::OkStatus();
}

bool Enrolment::NeedsMacSecret() const {
  return terms_->credential == policy::EnrolmentCredential::kMacSecret && !Enrolled();
}

core::EnrolRequest Enrolment::MakeRequest() const {
  const Credential& vendor = parts_.credentials.vendor();
  core::EnrolRequest request;
  request.identity = parts_.config.id;
  request.server_url = terms_->server_url;
  request.recipient = terms_->recipient;
  request.vendor_chain = {vendor.certificate};
  request.vendor_chain.insert(request.vendor_chain.end(), vendor.intermediates.begin(), vendor.intermediates.end());
  request.operator_roots = UsableRoots(*terms_, parts_.credentials.known_roots());
  request.root_terms = RootTermsOf(*terms_, parts_.credentials.vendor_roots());
  if (const std::optional<Credential>& held = parts_.credentials.operator_credential()) {
    request.current_chain = {held->certificate};
    request.current_chain.insert(request.current_chain.end(), held->intermediates.begin(), held->intermediates.end());
  }
  if (!terms_->nem_url.empty()) {
    const bool by_vendor = terms_->nem_trust == policy::NemTrust::kVendorRoot;
    request.nem = {terms_->nem_url, terms_->nem_address,
                   by_vendor ? parts_.credentials.vendor_roots() : request.operator_roots};
  }
  if (NeedsMacSecret()) {
    request.mac_secret = parts_.mac_secret().value_or([]() -> absl::StatusOr<common::SecretBytes> {
      return absl::FailedPreconditionError("the symmetric credential is spent");
    });
  }
  request.require_pkiconf = terms_->require_pkiconf;
  request.allow_implicit_confirm = terms_->allow_implicit_confirm;
  return request;
}

const std::string& Enrolment::Server() const { return terms_->nem_url.empty() ? terms_->server_url : terms_->nem_url; }

void Enrolment::Start() {
  running_ = true;
  steps_.clear();
  const std::string_view transport = policy::Name(terms_->transport);
  const bool renewal = Enrolled();
  common::LogInfo("enrolment.started",
                  {{"server", Server()}, {"transport", transport}, {"renewal", renewal}, {"failures", failures_}});
  Note("enrolment.started", true, StrCat(renewal ? "renewal at " : "", Server(), " by ", transport));
  if (const std::optional<Credential>& held = parts_.credentials.operator_credential()) {
    if (const absl::Status noted = parts_.replacing(held->ckaid); !noted.ok()) {
      parts_.loop.Post([this, noted] { Finished({.credential = noted, .told_ike_daemon = {}}); });
      return;
    }
  }
  if (terms_->transport != policy::Transport::kInitialIpsec) return Ask(MakeRequest());
  way_open_ = true;
  parts_.open_way([this, request = MakeRequest()](const absl::Status& open) {
    if (!open.ok()) return Finished({.credential = open, .told_ike_daemon = {}});
    Note("initial_ipsec.open", true, "");
    Ask(request);
  });
}

void Enrolment::Ask(const core::EnrolRequest& request) {
  auto job = [request, &parts = parts_] {
    Outcome outcome;
    absl::StatusOr<core::Enrolled> enrolled = parts.enroller->Enrol(request);
    if (!enrolled.ok()) {
      outcome.credential = enrolled.status();
      return outcome;
    }
    outcome.credential = Credentials::InstallEnrolled(parts.config, parts.store, *std::move(enrolled));
    // Before the state of the enrolment goes: a power cut between the two leaves nothing that could be used twice.
    if (outcome.credential.ok() && parts.spend_mac_secret) {
      if (const absl::Status spent = parts.spend_mac_secret(); !spent.ok()) outcome.credential = spent;
    }
    if (outcome.credential.ok()) {
      if (const absl::Status kept = parts.enroller->Kept(); !kept.ok()) outcome.credential = kept;
    }
    if (outcome.credential.ok()) {
      outcome.told_ike_daemon = parts.ike.RereadCertificates();
      const absl::Status trusted = parts.ike.TrustNewRoots();
      if (outcome.told_ike_daemon.ok()) outcome.told_ike_daemon = trusted;
    }
    return outcome;
  };
  parts_.worker.Run(std::move(job), [this](Outcome outcome) { Finished(std::move(outcome)); });
}

void Enrolment::Finished(Outcome outcome) {
  running_ = false;
  if (std::exchange(way_open_, false)) parts_.close_way();
  if (!outcome.credential.ok()) return Failed(outcome.credential.status());
  if (!outcome.told_ike_daemon.ok()) {
    common::LogWarning("enrolment.pluto_not_told", {{"error", outcome.told_ike_daemon}});
    Note("enrolment.pluto_not_told", false, std::string(common::ToStd(outcome.told_ike_daemon.message())));
  }
  const common::Certificate certificate = outcome.credential->certificate;
  common::LogInfo("enrolment.succeeded", {{"serial", certificate.serial_hex()},
                                          {"issuer", certificate.issuer()},
                                          {"not_after", Rfc3339(certificate.not_after())}});
  Note("enrolment.succeeded", true,
       StrCat("serial ", certificate.serial_hex(), ", until ", Rfc3339(certificate.not_after())));
  failures_ = 0;
  wanted_ = false;
  renewing_ = false;
  last_error_ = absl::OkStatus();
  parts_.credentials.Adopt(*std::move(outcome.credential));
  parts_.done();
}

void Enrolment::Failed(const absl::Status& error) {
  ++failures_;
  last_error_ = error;
  const std::string event = EventOf(error);
  Note(event, false, std::string(common::ToStd(error.message())));
  const bool again = Wanted() || !Enrolled();
  const absl::Duration delay = RetryIn(error);
  common::LogWarning("enrolment.failed", {{"reason", error},
                                          {"step", event},
                                          {"failures", failures_},
                                          {"retry_in_s", again ? absl::ToInt64Seconds(delay) : -1}});
  if (again) ScheduleRetry(delay);
  parts_.failed(error);
}

absl::Duration Enrolment::RetryIn(const absl::Status& error) {
  absl::Duration longest = kLongestRetry;
  if (Enrolled()) {
    const absl::Duration left = parts_.credentials.operator_credential()->certificate.not_after() - parts_.clock.Now();
    longest = std::clamp(left / kTriesInWhatIsLeft, kShortestLongestRetry, kLongestRenewalRetry);
  }
  const absl::Duration first = absl::IsUnavailable(error) ? kFirstRetryUnreachable : kFirstRetry;
  return parts_.random.Jitter(common::DoubledDelay(first, failures_ - 1, longest), kJitter);
}

void Enrolment::ScheduleRetry(absl::Duration delay) {
  CancelRetry();
  next_attempt_ = parts_.clock.Now() + delay;
  retry_ = parts_.loop.After(delay, [this] {
    retry_.reset();
    next_attempt_.reset();
    // Terms or credentials may have changed meanwhile.
    if (Wanted() || !Enrolled()) Try();
  });
}

void Enrolment::CancelRetry() {
  if (retry_) parts_.loop.CancelTimer(*retry_);
  retry_.reset();
  next_attempt_.reset();
}

void Enrolment::Note(std::string step, bool ok, std::string detail) {
  if (steps_.size() >= kMostSteps) steps_.erase(steps_.begin());
  steps_.push_back({.at = parts_.clock.Now(), .step = std::move(step), .ok = ok, .detail = std::move(detail)});
}

control::EnrolmentView Enrolment::View() const {
  control::EnrolmentView view;
  if (running_) {
    view.state = "RUNNING";
  } else if (Enrolled()) {
    view.state = "ENROLLED";
  } else {
    view.state = last_error_.ok() ? "NONE" : "FAILED";
  }
  if (terms_) {
    view.server = Server();
    view.transport = std::string(policy::Name(terms_->transport));
  }
  view.next_attempt = next_attempt_;
  if (const std::optional<Credential>& held = parts_.credentials.operator_credential()) {
    view.certificate = control::CertificateView{.serial = held->certificate.serial_hex(),
                                                .issuer = held->certificate.issuer(),
                                                .not_after = held->certificate.not_after()};
    view.renewal_due = RenewalDue(held->certificate);
  }
  view.steps = steps_;
  return view;
}

}  // namespace henb::x2sec::app
