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
/// each other one. Whoever controls the repository adds nothing that the roots have not signed. Pure.
[[nodiscard]] std::vector<common::Certificate> UsableCrossCertificates(std::string_view content,
                                                                       const std::vector<common::Certificate>& roots,
                                                                       absl::Time now,
                                                                       std::vector<std::string>* refused);

/// Fetches the repositories of `credentials.cross_certificates` once a day, and puts what is usable into the NSS
/// database without trust of its own: pluto judges paths over it, path length and name constraints included. Loop
/// thread; fetching and importing on `worker`.
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
  explicit CrossCertificates(Parts parts) : parts_(std::move(parts)) {}
  void Start();
  /// The backhaul is up again: what failed is fetched at once.
  void PathChanged();

 private:
  struct Source {
    std::string url;
    int failures = 0;
    bool running = false;
    std::optional<common::EventLoop::TimerId> timer;
  };
  struct Outcome {
    absl::Status status;
    std::vector<std::string> refused;
    std::size_t usable = 0;
  };
  void Schedule(std::size_t source, absl::Duration delay);
  void Fetch(std::size_t source);
  void Took(std::size_t source, const Outcome& outcome);

  Parts parts_;
  std::vector<Source> sources_;
};

}  // namespace henb::x2sec::app
