#include "henb-x2sec/app/revocation/revocation_watch.h"

#include <algorithm>

#include "common/backoff.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/revocation/judge.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using revocation::CertificateList;

constexpr absl::Duration kFirstRetry = absl::Seconds(2);
constexpr absl::Duration kLongestRetry = absl::Minutes(5);
constexpr absl::Duration kSoonest = absl::Seconds(1);
constexpr absl::Duration kComplainEvery = absl::Minutes(10);

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

revocation::News NewsOf(const CertificateList* list) {
  if (list == nullptr) return {};
  return {.verdict = revocation::Verdict::kGood, .this_update = list->this_update, .fresh_until = list->next_update};
}

/// The terms of every rule, since x2sec-ocspd is not told which link pluto asks for.
std::vector<policy::Revocation> AllTerms(const policy::Policy* policy) {
  if (policy == nullptr) return {};
  std::vector<policy::Revocation> out = {policy->revocation_default};
  for (const policy::Rule& rule : policy->rules) {
    if (rule.revocation) out.push_back(*rule.revocation);
  }
  return out;
}

}  // namespace

RevocationWatch::RevocationWatch(Parts parts)
    : parts_(std::move(parts)),
      cache_(StrCat(parts_.config.state_dir, "/revocation")),
      ocsp_({.config = parts_.config,
             .loop = parts_.loop,
             .clock = parts_.clock,
             .random = parts_.random,
             .worker = parts_.worker,
             .fetcher = parts_.fetcher,
             .credentials = parts_.credentials,
             .raise_clock_floor = parts_.raise_clock_floor,
             .news = [this](std::vector<std::string> newly_revoked) { Answered(std::move(newly_revoked)); }}) {}

std::vector<std::string> RevocationWatch::urls() const {
  std::vector<std::string> out = urls_;
  for (std::string& each : ocsp_.urls()) out.push_back(std::move(each));
  return out;
}

absl::Status RevocationWatch::Start() {
  const RevocationConfig& config = parts_.config.revocation;
  urls_ = ListUrls(config, parts_.credentials);
  if (!configured()) return absl::OkStatus();
  ASSIGN_OR_RETURN(authorities_, AuthoritiesOf(config, parts_.credentials));
  std::vector<common::Certificate> issuers;
  for (const Authority& each : authorities_) issuers.push_back(each.certificate);
  for (const std::string& problem : cache_.Load(issuers, {.most_octets = config.most_octets})) {
    common::LogWarning("revocation.kept_list_unusable", {{"error", problem}});
  }
  for (const Authority& each : authorities_) {
    if (const CertificateList* list = cache_.Find(each.certificate.spki()))
      parts_.raise_clock_floor(list->this_update - revocation::kClockSkew);
  }
  ocsp_.Start(authorities_);
  LookAtOwn();
  LeaveVerdicts();
  for (const std::string& url : urls_) {
    sources_.push_back({.url = url, .etag = "", .last_modified = "", .timer = {}});
    Schedule(sources_.size() - 1, absl::ZeroDuration());
  }
  return absl::OkStatus();
}

void RevocationWatch::TermsChanged() {
  auto authorities = AuthoritiesOf(parts_.config.revocation, parts_.credentials);
  if (configured() && authorities.ok()) {
    authorities_ = *std::move(authorities);
    ocsp_.SetAuthorities(authorities_);
  }
  if (configured()) LeaveVerdicts();
}

void RevocationWatch::PathChanged() {
  ocsp_.PathChanged();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!sources_[i].last.ok()) Schedule(i, absl::ZeroDuration());
  }
}

void RevocationWatch::PlutoStarted() {
  if (!configured() || parts_.ike == nullptr) return;
  parts_.ike_worker.Run([ike = parts_.ike] { return ike->Ocsp(); },
                        [this](absl::StatusOr<core::OcspSettings> settings) {
                          LearnPluto(std::move(settings));
                          parts_.changed();
                        });
}

void RevocationWatch::LearnPluto(absl::StatusOr<core::OcspSettings> settings) {
  if (!configured()) return;
  pluto_ = std::move(settings);
  if (!pluto_.ok()) return;
  const absl::Status asks = AsksOcspd(*pluto_, parts_.config.revocation.ocspd_uri);
  if (!asks.ok()) common::LogAlarm("revocation.pluto_does_not_ask", {{"error", asks}});
}

RevocationWatch::~RevocationWatch() {
  for (const Source& source : sources_) {
    if (source.timer) parts_.loop.CancelTimer(*source.timer);
  }
}

void RevocationWatch::Schedule(std::size_t source, absl::Duration delay) {
  Source& at = sources_[source];
  if (at.timer) parts_.loop.CancelTimer(*at.timer);
  at.timer = parts_.loop.After(delay, [this, source] {
    sources_[source].timer.reset();
    Fetch(source);
  });
}

void RevocationWatch::Fetch(std::size_t source) {
  Source& at = sources_[source];
  if (at.running) return;  // its end schedules the next
  at.running = true;
  const RevocationConfig& config = parts_.config.revocation;
  std::vector<common::Certificate> issuers;
  for (const Authority& each : authorities_) issuers.push_back(each.certificate);
  parts_.worker.Run(
      [fetcher = &parts_.fetcher,
       request = core::HttpRequest{.url = at.url,
                                   .etag = at.etag,
                                   .last_modified = at.last_modified,
                                   .deadline = config.deadline,
                                   .most_octets = config.most_octets},
       issuers = std::move(issuers)] {
        Fetched fetched{.answer = fetcher->Get(request), .list = absl::UnavailableError("")};
        if (fetched.answer.ok() && !fetched.answer->not_modified) {
          fetched.list =
              revocation::VerifyCertificateList(fetched.answer->body, issuers, {.most_octets = request.most_octets});
        }
        return fetched;
      },
      [this, source](Fetched fetched) { Took(source, std::move(fetched)); });
}

void RevocationWatch::Took(std::size_t source, Fetched fetched) {
  Source& at = sources_[source];
  at.running = false;
  at.last = Adopt(&fetched);
  if (at.last.ok()) {
    at.failures = 0;
    if (!fetched.answer->not_modified) {
      at.etag = fetched.answer->etag;
      at.last_modified = fetched.answer->last_modified;
    }
  } else {
    ++at.failures;
    at.etag.clear();
    at.last_modified.clear();
    common::LogWarning("revocation.not_fetched", {{"url", at.url}, {"error", at.last}, {"failures", at.failures}});
  }
  Schedule(source, NextIn(at));
  Complain();
}

/// OK when what is held now is what the server has.
absl::Status RevocationWatch::Adopt(Fetched* fetched) {
  RETURN_IF_ERROR(fetched->answer.status());
  if (fetched->answer->not_modified) return absl::OkStatus();
  RETURN_IF_ERROR_CTX(fetched->list.status(), "the list");
  const CertificateList list = *fetched->list;
  ASSIGN_OR_RETURN_CTX(const revocation::TakenList taken, cache_.Take(list), "the list");
  if (!taken.changed) return absl::OkStatus();
  common::LogInfo("revocation.list", {{"issuer", list.issuer_subject},
                                      {"number", list.number},
                                      {"revoked", list.revoked.size()},
                                      {"newly_revoked", taken.newly_revoked.size()},
                                      {"next_update", Rfc3339(list.next_update)}});
  to_save_.push_back({list.issuer_spki, std::move(fetched->answer->body)});
  newly_revoked_.insert(newly_revoked_.end(), taken.newly_revoked.begin(), taken.newly_revoked.end());
  parts_.raise_clock_floor(list.this_update - revocation::kClockSkew);
  LookAtOwn();
  LeaveVerdicts();
  parts_.changed();
  return absl::OkStatus();
}

absl::Duration RevocationWatch::NextIn(const Source& source) const {
  const absl::Duration refresh = parts_.config.revocation.refresh;
  if (source.failures > 0) {
    const absl::Duration most = std::min(kLongestRetry, std::max(refresh, kSoonest));
    return parts_.random.Jitter(common::DoubledDelay(kFirstRetry, source.failures - 1, most), 0.3);
  }
  // Well before the first list is over.
  absl::Duration next = refresh;
  for (const Authority& each : authorities_) {
    const CertificateList* list = cache_.Find(each.certificate.spki());
    if (list != nullptr) next = std::min(next, (list->next_update - parts_.clock.Now()) / 2);
  }
  return parts_.random.Jitter(std::max(next, std::min(refresh, kSoonest * 5)), 0.1);
}

/// A responder has answered about some certificate.
void RevocationWatch::Answered(std::vector<std::string> newly_revoked) {
  const bool somebody = !newly_revoked.empty();
  newly_revoked_.insert(newly_revoked_.end(), newly_revoked.begin(), newly_revoked.end());
  if (somebody) LookAtOwn();
  LeaveVerdicts();
  parts_.changed();
  Complain();
}

void RevocationWatch::Tick() {
  if (!configured()) return;
  Complain();
  LeaveVerdicts();
}

/// Loudly, for as long as it lasts: when the grace is over links are blocked.
void RevocationWatch::Complain() {
  absl::Duration worst = absl::ZeroDuration();
  absl::Time until = absl::InfiniteFuture();
  std::string issuer;
  for (const Authority& each : authorities_) {
    const absl::Duration stale = StaleFor(each);
    if (stale <= worst) continue;
    worst = stale;
    until = GoodUntil(each);
    issuer = each.certificate.subject();
  }
  if (worst == absl::ZeroDuration()) {
    if (complained_at_) common::LogInfo("revocation.news_fresh", {});
    complained_at_.reset();
    return;
  }
  const absl::Duration now = parts_.clock.Steady();
  const absl::Duration left = until - parts_.clock.Now();
  // More often towards the end.
  const absl::Duration every = std::clamp(left / 10, absl::Seconds(10), kComplainEvery);
  if (complained_at_ && now - *complained_at_ < every) return;
  complained_at_ = now;
  const auto seconds = [](absl::Duration d) { return d == absl::InfiniteDuration() ? -1 : absl::ToInt64Seconds(d); };
  common::LogAlarm(
      "revocation.news_stale",
      {{"issuer", issuer}, {"stale_s", seconds(worst)}, {"left_s", seconds(std::max(left, absl::ZeroDuration()))}});
}

void RevocationWatch::LookAtOwn() {
  std::set<std::string> revoked;
  const auto look = [&](const Credential& credential) {
    std::vector<const common::Certificate*> path = {&credential.certificate};
    for (const common::Certificate& each : credential.intermediates) path.push_back(&each);
    path.push_back(&credential.anchor);
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      const CertificateList* list = cache_.Find(path[i + 1]->spki());
      const std::string serial = revocation::SerialOf(*path[i]);
      const std::vector<std::string> by_ocsp = ocsp_.Revoked(path[i + 1]->spki());
      const bool told = (list != nullptr && list->Revokes(serial)) ||
                        std::find(by_ocsp.begin(), by_ocsp.end(), serial) != by_ocsp.end();
      if (told) revoked.insert(path[i]->subject());
    }
  };
  look(parts_.credentials.vendor());
  if (parts_.credentials.operator_credential()) look(*parts_.credentials.operator_credential());
  for (const std::string& each : revoked) {
    if (!own_revoked_.contains(each)) common::LogAlarm("revocation.own_certificate_revoked", {{"subject", each}});
  }
  own_revoked_ = std::move(revoked);
}

revocation::News RevocationWatch::OcspNews(const Authority& authority) const {
  const bool counts = ocsp_.Has(authority.side) && !ocsp_.LockedOut(authority.certificate.spki());
  return counts ? ocsp_.News(authority.side) : revocation::News{};
}

/// The fresher of list and responder.
absl::Duration RevocationWatch::StaleFor(const Authority& authority) const {
  const absl::Time now = parts_.clock.Now();
  const bool sane = parts_.clock_sane();
  return std::min(revocation::StaleFor(NewsOf(cache_.Find(authority.certificate.spki())), now, sane),
                  revocation::StaleFor(OcspNews(authority), now, sane));
}

/// The longest that any rule allows: which link pluto asks for is not known to x2sec-ocspd.
absl::Time RevocationWatch::GoodByTheLongestTerms(absl::Time fresh_until) const {
  absl::Time until = absl::InfinitePast();
  for (const policy::Revocation& terms : AllTerms(parts_.policy())) {
    until = std::max(until, revocation::GoodUntil(terms, fresh_until));
  }
  return until;
}

absl::Time RevocationWatch::GoodUntil(const Authority& authority) const {
  const absl::Time listed = NewsOf(cache_.Find(authority.certificate.spki())).fresh_until;
  return GoodByTheLongestTerms(std::max(listed, OcspNews(authority).fresh_until));
}

std::vector<policy::AnchorNews> RevocationWatch::News() const {
  std::vector<policy::AnchorNews> out;
  // A pluto that does not answer authenticates nobody: what runs is not shut for it.
  const bool asks = !pluto_.ok() || AsksOcspd(*pluto_, parts_.config.revocation.ocspd_uri).ok();
  for (const std::vector<common::Certificate>* roots :
       {&parts_.credentials.vendor_roots(), &parts_.credentials.operator_roots()}) {
    for (const common::Certificate& root : *roots) {
      policy::AnchorNews news{.anchor = root.spki(), .stale_for = std::nullopt};
      for (const Authority& each : authorities_) {
        if (each.anchor != news.anchor) continue;
        // News that nobody asks for is none.
        const absl::Duration stale = asks ? StaleFor(each) : absl::InfiniteDuration();
        news.stale_for = std::max(news.stale_for.value_or(absl::ZeroDuration()), stale);
      }
      out.push_back(news);
    }
  }
  return out;
}

RevocationView RevocationWatch::View() const {
  RevocationView view{.configured = configured(),
                      .issuers = {},
                      .problems = {},
                      .own_revoked = {own_revoked_.begin(), own_revoked_.end()},
                      .ocspd_uri = parts_.config.revocation.ocspd_uri,
                      .pluto = pluto_};
  for (const Authority& each : authorities_) {
    const CertificateList* list = cache_.Find(each.certificate.spki());
    IssuerView issuer{.subject = each.certificate.subject(), .fresh_until = {}, .good_until = GoodUntil(each)};
    const absl::Time fresh = std::max(NewsOf(list).fresh_until, OcspNews(each).fresh_until);
    if (fresh != absl::InfinitePast()) issuer.fresh_until = fresh;
    issuer.revoked = (list == nullptr ? 0 : list->revoked.size()) + ocsp_.Revoked(each.certificate.spki()).size();
    view.issuers.push_back(std::move(issuer));
  }
  for (const Source& source : sources_) {
    if (!source.last.ok()) view.problems.push_back(StrCat(source.url, ": ", source.last.message()));
  }
  for (std::string& problem : ocsp_.Problems()) view.problems.push_back(std::move(problem));
  return view;
}

}  // namespace henb::x2sec::app
