#include "henb-x2sec/app/credentials/cross_certificates.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>

#include "common/backoff.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/credentials/certificate_path.h"
#include "henb-x2sec/app/credentials/cross_certificate_book.h"

namespace henb::x2sec::app {
namespace {

using common::Certificate;
using common::StrCat;

constexpr absl::Duration kEvery = absl::Hours(24);
constexpr absl::Duration kFirstRetry = absl::Seconds(5);
constexpr absl::Duration kLongestRetry = absl::Minutes(30);
constexpr absl::Duration kDeadline = absl::Seconds(20);
constexpr absl::Duration kAnotherIsAsked = absl::Seconds(1);
constexpr std::size_t kMostOctets = 256U << 10;
constexpr std::size_t kMostCertificates = 64;

absl::StatusOr<std::vector<Certificate>> Read(std::string_view content) {
  if (content.find("-----BEGIN ") != std::string_view::npos) return Certificate::ChainFromPem(content);
  ASSIGN_OR_RETURN(Certificate one, Certificate::FromDer(content));
  return std::vector<Certificate>{std::move(one)};
}

/// Why it is of no use; OK when it is, by way of those that are known to be.
absl::Status Judge(const Certificate& candidate, const std::vector<Certificate>& usable,
                   const std::vector<Certificate>& roots, absl::Time now) {
  if (X509_check_ca(candidate.get()) != 1) return absl::InvalidArgumentError("it is not a CA's");
  if (now < candidate.not_before() || now >= candidate.not_after()) {
    return absl::InvalidArgumentError("it is not valid now");
  }
  const bool is_root =
      std::any_of(roots.begin(), roots.end(), [&](const Certificate& root) { return root.spki() == candidate.spki(); });
  if (is_root || candidate.is_self_issued()) return absl::InvalidArgumentError("it is a root");
  // Not by way of its own key again. Of several certificates with one subject pluto takes any when it looks whether a
  // path ends at the connection's anchor, and one that leads in a circle ends nowhere: the neighbour would be refused.
  std::vector<Certificate> others;
  std::copy_if(usable.begin(), usable.end(), std::back_inserter(others),
               [&](const Certificate& each) { return each.spki() != candidate.spki(); });
  return FindPath(candidate, others, roots).status();
}

}  // namespace

absl::StatusOr<std::vector<Certificate>> UsableCrossCertificates(std::string_view content,
                                                                 const std::vector<Certificate>& roots, absl::Time now,
                                                                 std::vector<std::string>* refused) {
  ASSIGN_OR_RETURN(std::vector<Certificate> all, Read(content));
  if (all.size() > kMostCertificates) {
    return absl::InvalidArgumentError(StrCat("there are ", all.size(), " certificates, more than ", kMostCertificates));
  }
  // From the roots outwards, so that nothing is judged by way of what is of no use itself.
  std::vector<Certificate> usable;
  for (std::vector<Certificate> left = std::move(all);;) {
    const std::size_t before = left.size();
    std::vector<std::string> problems;
    std::vector<Certificate> still_left;
    for (Certificate& each : left) {
      const absl::Status problem = Judge(each, usable, roots, now);
      if (problem.ok()) {
        usable.push_back(std::move(each));
      } else {
        problems.push_back(StrCat(each.subject(), " by ", each.issuer(), ": ", problem.message()));
        still_left.push_back(std::move(each));
      }
    }
    left = std::move(still_left);
    if (left.size() < before) continue;
    refused->insert(refused->end(), problems.begin(), problems.end());
    return usable;
  }
}

/// What the worker does to store and book. The book always has what may be in the store: first it is written with what
/// comes, last without what is gone.
struct CrossCertificates::Job {
  core::HttpFetcher* fetcher;
  core::CertificateStore* store;
  std::string book_path;
  std::set<std::string> urls;
  std::vector<Certificate> roots;
  std::vector<Certificate> own_path;  ///< The store needs them whatever a repository says.
  absl::Time now;

  /// `url` empty: only what repositories had that are asked no more goes.
  [[nodiscard]] Outcome Run(const std::string& url) const {
    Outcome outcome;
    auto book = ReadCrossCertificateBook(book_path);
    outcome.book = book.status();
    const CrossCertificateBook before = book.ok() ? *std::move(book) : CrossCertificateBook();
    CrossCertificateBook after = OnlyOf(before, urls);
    if (!url.empty()) {
      auto offered = Offered(url, &outcome.refused);
      outcome.status = offered.status();
      if (!offered.ok()) return outcome;
      outcome.usable = offered->size();
      after[url] = *std::move(offered);
    }
    outcome.status = Change(before, after, url, &outcome.withdrawn);
    return outcome;
  }

 private:
  [[nodiscard]] absl::StatusOr<std::vector<Certificate>> Offered(const std::string& url,
                                                                 std::vector<std::string>* refused) const {
    ASSIGN_OR_RETURN(const core::HttpAnswer answer,
                     fetcher->Get({.url = url, .deadline = kDeadline, .most_octets = kMostOctets}));
    return UsableCrossCertificates(answer.body, roots, now, refused);
  }

  [[nodiscard]] absl::Status Change(const CrossCertificateBook& before, const CrossCertificateBook& after,
                                    const std::string& url, std::vector<std::string>* withdrawn) const {
    if (before.empty() && after.empty()) return absl::OkStatus();
    CrossCertificateBook during = before;
    if (!url.empty()) {
      const std::vector<Certificate>& fresh = after.at(url);
      const std::vector<Certificate> added = DifferenceOf(after, before);
      during[url].insert(during[url].end(), added.begin(), added.end());
      RETURN_IF_ERROR(WriteCrossCertificateBook(book_path, during));
      for (const Certificate& each : fresh) {
        RETURN_IF_ERROR_CTX(store->ImportIntermediate(each), StrCat("importing ", each.subject()));
      }
    }
    for (const Certificate& each : DifferenceOf(during, after)) {
      const bool needed = std::any_of(own_path.begin(), own_path.end(),
                                      [&](const Certificate& own) { return own.der() == each.der(); });
      if (needed) continue;
      const auto removed = store->RemoveIntermediate(each);
      // One that became a root of this device meanwhile is not the repository's any more.
      if (!removed.ok() && !absl::IsFailedPrecondition(removed.status())) {
        return common::WithContext(removed.status(), StrCat("removing ", each.subject()));
      }
      if (removed.ok() && *removed) withdrawn->push_back(StrCat(each.subject(), " by ", each.issuer()));
    }
    return WriteCrossCertificateBook(book_path, after);
  }
};

CrossCertificates::Job CrossCertificates::MakeJob() const {
  const Credentials& own = parts_.credentials;
  Job job{.fetcher = &parts_.fetcher,
          .store = &parts_.store,
          .book_path = StrCat(parts_.config.state_dir, "/cross_certificates.json"),
          .urls = {parts_.config.cross_certificates.begin(), parts_.config.cross_certificates.end()},
          .roots = own.vendor_roots(),
          .own_path = own.vendor().intermediates,
          .now = parts_.clock.Now()};
  job.roots.insert(job.roots.end(), own.operator_roots().begin(), own.operator_roots().end());
  if (const auto& enrolled = own.operator_credential()) {
    job.own_path.insert(job.own_path.end(), enrolled->intermediates.begin(), enrolled->intermediates.end());
  }
  return job;
}

void CrossCertificates::Start() {
  for (const std::string& url : parts_.config.cross_certificates) sources_.push_back({.url = url, .timer = {}});
  busy_ = true;
  // First what came from repositories that the configuration names no more.
  parts_.worker.Run([job = MakeJob()] { return job.Run(""); },
                    [this](const Outcome& outcome) {
                      busy_ = false;
                      TellWhatChanged(outcome);
                      for (std::size_t i = 0; i < sources_.size(); ++i) Schedule(i, absl::ZeroDuration());
                    });
}

void CrossCertificates::PathChanged() {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].failures > 0) Schedule(i, absl::ZeroDuration());
  }
}

void CrossCertificates::Schedule(std::size_t source, absl::Duration delay) {
  Source& at = sources_[source];
  if (at.timer) parts_.loop.CancelTimer(*at.timer);
  at.timer = parts_.loop.After(delay, [this, source] {
    sources_[source].timer.reset();
    Fetch(source);
  });
}

void CrossCertificates::Fetch(std::size_t source) {
  if (busy_) return Schedule(source, kAnotherIsAsked);
  busy_ = true;
  parts_.worker.Run([job = MakeJob(), url = sources_[source].url] { return job.Run(url); },
                    [this, source](const Outcome& outcome) { Took(source, outcome); });
}

void CrossCertificates::TellWhatChanged(const Outcome& outcome) {
  if (!outcome.book.ok()) common::LogAlarm("cross_certificates.book_unreadable", {{"error", outcome.book}});
  for (const std::string& what : outcome.withdrawn) {
    common::LogWarning("cross_certificates.withdrawn", {{"certificate", what}});
  }
}

void CrossCertificates::Took(std::size_t source, const Outcome& outcome) {
  Source& at = sources_[source];
  busy_ = false;
  TellWhatChanged(outcome);
  for (const std::string& why : outcome.refused) {
    common::LogWarning("cross_certificates.refused", {{"url", at.url}, {"error", why}});
  }
  if (outcome.status.ok()) {
    at.failures = 0;
    common::LogInfo("cross_certificates.imported", {{"url", at.url}, {"count", outcome.usable}});
    return Schedule(source, parts_.random.Jitter(kEvery, 0.1));
  }
  ++at.failures;
  common::LogWarning("cross_certificates.not_fetched",
                     {{"url", at.url}, {"error", outcome.status}, {"failures", at.failures}});
  Schedule(source, parts_.random.Jitter(common::DoubledDelay(kFirstRetry, at.failures - 1, kLongestRetry), 0.3));
}

}  // namespace henb::x2sec::app
