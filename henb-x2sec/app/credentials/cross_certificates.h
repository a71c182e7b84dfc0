// Cross-certificates from the operator's repository (R40).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/certificate.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/http_fetcher.h"

namespace henb::x2sec::app {

/// The certificates in `content` (PEM, or one DER) that may become part of a neighbour's path: CAs, valid at `now`,
/// with a path to one of `roots` (over the others, too) that is not such a root itself. `refused` gets a sentence for
/// each other one. InvalidArgument: it is no list of certificates, or of too many. Whoever controls the repository adds
/// nothing that the roots have not signed. Pure.
[[nodiscard]] absl::StatusOr<std::vector<common::Certificate>> UsableCrossCertificates(
    std::string_view content, const std::vector<common::Certificate>& roots, absl::Time now,
    std::vector<std::string>* refused);

/// Fetches the repositories of `credentials.cross_certificates` once a day, and puts what is usable into the NSS
/// database without trust of its own: pluto judges paths over it, path length and name constraints included. What a
/// repository has no more, or has no more of use, goes again (a pluto that has used it remembers it until it is
/// started anew: docs/pluto.md); one that does not answer, or not with certificates, withdraws nothing. Loop thread;
/// fetching and importing on `worker`, one repository at a time.
class CrossCertificates {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& worker;
    core::HttpFetcher& fetcher;
    core::CertificateStore& store;
    const Credentials& credentials;
  };
  explicit CrossCertificates(const Parts& parts) : parts_(parts) {}
  void Start();
  /// The backhaul is up again: what failed is fetched at once.
  void PathChanged();

 private:
  struct Source {
    std::string url;
    int failures = 0;
    std::optional<common::EventLoop::TimerId> timer;
  };
  struct Outcome {
    absl::Status status;
    absl::Status book;  ///< What was imported before is not known.
    std::vector<std::string> refused;
    std::vector<std::string> withdrawn;  ///< Subject and issuer of each.
    std::size_t usable = 0;
  };
  struct Job;
  [[nodiscard]] Job MakeJob() const;
  void Schedule(std::size_t source, absl::Duration delay);
  void Fetch(std::size_t source);
  void Took(std::size_t source, const Outcome& outcome);
  void TellWhatChanged(const Outcome& outcome);

  Parts parts_;
  bool busy_ = false;  ///< A job has the book.
  std::vector<Source> sources_;
};

}  // namespace henb::x2sec::app
