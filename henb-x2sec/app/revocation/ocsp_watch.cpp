#include "henb-x2sec/app/revocation/ocsp_watch.h"

#include <algorithm>
#include <utility>

#include "common/backoff.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/revocation/issuer_id.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using revocation::CertificateId;
using revocation::OcspAnswer;

constexpr absl::Duration kLookEvery = absl::Seconds(1);
constexpr absl::Duration kLearnDeadline = absl::Seconds(5);
constexpr std::size_t kMostAsked = 256U << 10;
constexpr absl::Duration kFirstRetry = absl::Seconds(2);
constexpr absl::Duration kLongestRetry = absl::Minutes(5);
constexpr std::size_t kMostAnswer = 64U << 10;

std::string FileOf(const Config& config) { return StrCat(config.state_dir, "/revocation/ocsp.json"); }

/// pluto names the issuer by SHA-1; others may by SHA-256.
bool Names(const revocation::Asked& asked, const revocation::IssuerId& id) {
  return (asked.name_hash == id.name_sha1 && asked.key_hash == id.key_sha1) ||
         (asked.name_hash == id.name_sha256 && asked.key_hash == id.key_sha256);
}

}  // namespace

OcspWatch::OcspWatch(Parts parts) : parts_(std::move(parts)) {
  vendor_.urls = parts_.config.revocation.vendor_ocsp;
  operator_.urls = parts_.config.revocation.operator_ocsp;
}

bool OcspWatch::configured() const { return Has(Side::kVendor) || Has(Side::kOperator); }

void OcspWatch::Start(const std::vector<Authority>& authorities) {
  if (!configured()) return;
  const auto kept = common::ReadFile(FileOf(parts_.config));
  if (kept.ok()) {
    auto book = revocation::OcspBook::Parse(*kept);
    if (book.ok()) {
      book_ = *std::move(book);
    } else {
      common::LogWarning("revocation.kept_answers_unusable", {{"error", book.status()}});
    }
  }
  SetAuthorities(authorities);
  Look();
}

void OcspWatch::SetAuthorities(const std::vector<Authority>& authorities) {
  if (!configured()) return;
  authorities_ = authorities;
  WantOwn();
  for (const Side side : {Side::kVendor, Side::kOperator}) AskNext(side);
}

void OcspWatch::PathChanged() {
  path_lost_.reset();
  for (const Side side : {Side::kVendor, Side::kOperator}) {
    side_of(side).not_before = absl::ZeroDuration();
    AskNext(side);
  }
}

void OcspWatch::PathLost() {
  if (path_lost_) return;
  path_lost_ = parts_.clock.Steady();
  path_lost_at_ = parts_.clock.Now();
}

revocation::News OcspWatch::News(Side side) const {
  const OcspAnswer* longest = nullptr;
  for (const Authority& each : authorities_) {
    if (each.side != side) continue;
    const OcspAnswer* answer = book_.Longest(each.certificate.spki());
    if (answer != nullptr && (longest == nullptr || answer->next_update > longest->next_update)) longest = answer;
  }
  if (longest == nullptr) return {};
  return {
      .verdict = revocation::Verdict::kGood, .this_update = longest->this_update, .fresh_until = longest->next_update};
}

bool OcspWatch::LockedOut(const common::SpkiHash& issuer) const {
  return path_lost_ && parts_.clock.Steady() - *path_lost_ >= kLockedOutAfter &&
         book_.HasUnanswered(issuer, path_lost_at_);
}

std::vector<std::string> OcspWatch::Problems() const {
  std::vector<std::string> out;
  for (const Responders* each : {&vendor_, &operator_}) {
    if (!each->urls.empty() && !each->last.ok()) out.push_back(StrCat(each->last_url, ": ", each->last.message()));
  }
  return out;
}

std::vector<std::string> OcspWatch::urls() const {
  std::vector<std::string> out = vendor_.urls;
  out.insert(out.end(), operator_.urls.begin(), operator_.urls.end());
  return out;
}

/// Every second: what has pluto asked about since?
void OcspWatch::Look() {
  parts_.worker.Run(
      [fetcher = &parts_.fetcher, url = StrCat(parts_.config.revocation.ocspd_uri, "asked")] {
        return fetcher->Get({.url = url, .deadline = kLearnDeadline, .most_octets = kMostAsked});
      },
      [this](const absl::StatusOr<core::HttpAnswer>& answer) {
        // x2sec-ocspd that is away is told of elsewhere: pluto refuses everybody then.
        const auto asked = answer.ok() ? revocation::ParseAsked(answer->body)
                                       : absl::StatusOr<std::vector<revocation::Asked>>(answer.status());
        if (asked.ok()) Learn(*asked);
        if (book_.Forget(parts_.clock.Now())) changed_since_kept_ = true;
        for (const Side side : {Side::kVendor, Side::kOperator}) AskNext(side);
        Keep();
        parts_.loop.After(parts_.random.Jitter(kLookEvery, 0.1), [this] { Look(); });
      });
}

void OcspWatch::Learn(const std::vector<revocation::Asked>& asked) {
  const absl::Time now = parts_.clock.Now();
  absl::Time newest = learned_until_;
  for (const revocation::Asked& each : asked) {
    if (each.at < learned_until_ && learned_until_ <= now) continue;
    newest = std::max(newest, each.at);
    for (const Authority& authority : authorities_) {
      if (!Has(authority.side) || !Names(each, revocation::IssuerId::Of(authority.certificate))) continue;
      const CertificateId id{authority.certificate.spki(), each.serial};
      if (!book_.Want(id, revocation::OcspBook::Wish::kAskedByPluto, now)) continue;
      side_of(authority.side).not_before = absl::ZeroDuration();  // somebody waits for it
      common::LogInfo("revocation.ocsp_wanted", {{"issuer", authority.certificate.subject()}, {"serial", id.serial}});
    }
  }
  learned_until_ = std::min(newest, now);
  WantOwn();
}

void OcspWatch::WantOwn() {
  const auto want = [this](const Credential& credential) {
    std::vector<const common::Certificate*> path = {&credential.certificate};
    for (const common::Certificate& each : credential.intermediates) path.push_back(&each);
    path.push_back(&credential.anchor);
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      const CertificateId id{path[i + 1]->spki(), revocation::SerialOf(*path[i])};
      book_.Want(id, revocation::OcspBook::Wish::kOwn, parts_.clock.Now());
    }
  };
  if (Has(Side::kVendor)) want(parts_.credentials.vendor());
  if (Has(Side::kOperator) && parts_.credentials.operator_credential()) want(*parts_.credentials.operator_credential());
}

void OcspWatch::AskNext(Side side) {
  Responders& at = side_of(side);
  if (at.urls.empty() || at.asking || parts_.clock.Steady() < at.not_before) return;
  for (const Authority& each : authorities_) {
    if (each.side != side) continue;
    const auto due = book_.Due(each.certificate.spki(), parts_.clock.Now(), parts_.config.revocation.refresh);
    if (!due.empty()) return Ask(side, each, due.front());
  }
}

void OcspWatch::Ask(Side side, const Authority& authority, const CertificateId& id) {
  Responders& at = side_of(side);
  const auto question = revocation::AskAbout(authority.certificate, id.serial, parts_.random);
  if (!question.ok()) return Took(side, id, question.status());
  at.asking = true;
  book_.Tried(id, parts_.clock.Now());
  const RevocationConfig& config = parts_.config.revocation;
  parts_.worker.Run(
      [fetcher = &parts_.fetcher, issuer = authority.certificate, id, nonce = question->nonce, now = parts_.clock.Now(),
       limits = revocation::OcspLimits{.most_octets = kMostAnswer, .nonce_required = config.ocsp_nonce},
       request = core::HttpRequest{.url = at.urls[at.at],
                                   .deadline = config.deadline,
                                   .most_octets = kMostAnswer,
                                   .body = question->der,
                                   .content_type = "application/ocsp-request"}]() -> absl::StatusOr<OcspAnswer> {
        ASSIGN_OR_RETURN(const core::HttpAnswer answer, fetcher->Post(request));
        auto verified = revocation::VerifyOcspAnswer(answer.body, issuer, id.serial, nonce, now, limits);
        if (verified.ok() && verified->this_update > now + revocation::kClockSkew)
          return absl::InvalidArgumentError("the answer is of the future");
        if (verified.ok() && verified->next_update + revocation::kClockSkew < now)
          return absl::InvalidArgumentError("the answer is over");
        return verified;
      },
      [this, side, id](const absl::StatusOr<OcspAnswer>& answer) {
        side_of(side).asking = false;
        Took(side, id, answer);
      });
}

void OcspWatch::Took(Side side, const CertificateId& id, const absl::StatusOr<OcspAnswer>& answer) {
  Responders& at = side_of(side);
  const absl::StatusOr<bool> newly =
      answer.ok() ? book_.Take(id, *answer, parts_.clock.Now()) : absl::StatusOr<bool>(answer.status());
  at.last_url = at.urls[at.at];
  at.last = absl::IsNotFound(newly.status()) ? absl::OkStatus() : newly.status();
  if (!at.last.ok()) {
    ++at.failures;
    common::LogWarning("revocation.ocsp_not_answered",
                       {{"url", at.urls[at.at]}, {"serial", id.serial}, {"error", at.last}, {"failures", at.failures}});
    at.at = (at.at + 1) % at.urls.size();
    const absl::Duration most = std::min(kLongestRetry, std::max(parts_.config.revocation.refresh, kFirstRetry));
    at.not_before =
        parts_.clock.Steady() + parts_.random.Jitter(common::DoubledDelay(kFirstRetry, at.failures - 1, most), 0.3);
    return;
  }
  at.failures = 0;
  at.not_before = absl::ZeroDuration();
  if (newly.ok()) {
    common::LogInfo(
        "revocation.ocsp_answer",
        {{"serial", id.serial}, {"verdict", revocation::NameOf(answer->verdict)}, {"newly_revoked", *newly}});
    changed_since_kept_ = true;
    to_be_proven_ = to_be_proven_ || *newly;
    parts_.raise_clock_floor(answer->this_update - revocation::kClockSkew);
    parts_.news(*newly ? std::vector<std::string>{id.serial} : std::vector<std::string>{});
  }
  AskNext(side);
}

void OcspWatch::Proven() {
  to_be_proven_ = false;
  Keep();
}

void OcspWatch::Keep() {
  if (keeping_ || !changed_since_kept_ || to_be_proven_) return;
  keeping_ = true;
  changed_since_kept_ = false;
  parts_.worker.Run(
      [path = FileOf(parts_.config), text = book_.Serialise(),
       folder = StrCat(parts_.config.state_dir, "/revocation")] {
        RETURN_IF_ERROR(common::MakeDirectories(folder, 0700));
        return common::WriteFileAtomically(path, text, 0600);
      },
      [this](const absl::Status& kept) {
        keeping_ = false;
        if (!kept.ok()) common::LogWarning("revocation.answers_not_kept", {{"error", kept}});
      });
}

}  // namespace henb::x2sec::app
