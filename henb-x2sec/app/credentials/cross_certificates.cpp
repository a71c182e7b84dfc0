#include "henb-x2sec/app/credentials/cross_certificates.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/credentials/certificate_path.h"

namespace henb::x2sec::app {
namespace {

using common::Certificate;
using common::StrCat;

constexpr absl::Duration kEvery = absl::Hours(24);
constexpr absl::Duration kFirstRetry = absl::Seconds(5);
constexpr absl::Duration kLongestRetry = absl::Minutes(30);
constexpr absl::Duration kDeadline = absl::Seconds(20);
constexpr std::size_t kMostOctets = 256U << 10;
constexpr std::size_t kMostCertificates = 64;

absl::StatusOr<std::vector<Certificate>> Read(std::string_view content) {
  if (content.find("-----BEGIN ") != std::string_view::npos) return Certificate::ChainFromPem(content);
  ASSIGN_OR_RETURN(Certificate one, Certificate::FromDer(content));
  return std::vector<Certificate>{std::move(one)};
}

/// Why it is of no use; OK when it is.
absl::Status Judge(const Certificate& candidate, const std::vector<Certificate>& all,
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
  std::copy_if(all.begin(), all.end(), std::back_inserter(others),
               [&](const Certificate& each) { return each.spki() != candidate.spki(); });
  return FindPath(candidate, others, roots).status();
}

}  // namespace

std::vector<Certificate> UsableCrossCertificates(std::string_view content, const std::vector<Certificate>& roots,
                                                 absl::Time now, std::vector<std::string>* refused) {
  const auto all = Read(content);
  if (!all.ok()) {
    refused->push_back(std::string(common::ToStd(all.status().message())));
    return {};
  }
  if (all->size() > kMostCertificates) {
    refused->push_back(StrCat("there are ", all->size(), " certificates, more than ", kMostCertificates));
    return {};
  }
  std::vector<Certificate> usable;
  for (const Certificate& each : *all) {
    const absl::Status problem = Judge(each, *all, roots, now);
    if (problem.ok()) {
      usable.push_back(each);
    } else {
      refused->push_back(StrCat(each.subject(), " by ", each.issuer(), ": ", problem.message()));
    }
  }
  return usable;
}

void CrossCertificates::Start() {
  for (const std::string& url : parts_.config.cross_certificates) {
    sources_.push_back({.url = url, .timer = {}});
    Schedule(sources_.size() - 1, absl::ZeroDuration());
  }
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
  Source& at = sources_[source];
  if (at.running) return;  // its end schedules the next
  at.running = true;
  std::vector<Certificate> roots = parts_.credentials.vendor_roots();
  const std::vector<Certificate>& more = parts_.credentials.operator_roots();
  roots.insert(roots.end(), more.begin(), more.end());
  parts_.worker.Run(
      [fetcher = &parts_.fetcher, store = &parts_.store, now = parts_.clock.Now(), roots = std::move(roots),
       request =
           core::HttpRequest{
               .url = at.url, .etag = "", .last_modified = "", .deadline = kDeadline, .most_octets = kMostOctets}] {
        Outcome outcome;
        const auto answer = fetcher->Get(request);
        outcome.status = answer.status();
        if (!answer.ok()) return outcome;
        const auto usable = UsableCrossCertificates(answer->body, roots, now, &outcome.refused);
        for (const Certificate& each : usable) {
          outcome.status = common::WithContext(store->ImportIntermediate(each), StrCat("importing ", each.subject()));
          if (!outcome.status.ok()) return outcome;
        }
        outcome.usable = usable.size();
        return outcome;
      },
      [this, source](const Outcome& outcome) { Took(source, outcome); });
}

void CrossCertificates::Took(std::size_t source, const Outcome& outcome) {
  Source& at = sources_[source];
  at.running = false;
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
  const absl::Duration back_off = kFirstRetry * static_cast<double>(1U << std::min(at.failures - 1, 10));
  Schedule(source, parts_.random.Jitter(std::min(back_off, kLongestRetry), 0.3));
}

}  // namespace henb::x2sec::app
