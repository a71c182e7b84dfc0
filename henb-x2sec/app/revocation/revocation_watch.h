// Revocation news: fetched, verified, judged, told to links and to x2sec-ocspd.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/revocation/authorities.h"
#include "henb-x2sec/app/revocation/ocsp_watch.h"
#include "henb-x2sec/app/revocation/revocation_view.h"
#include "henb-x2sec/core/ports/http_fetcher.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/revocation/list_cache.h"
#include "henb-x2sec/revocation/serial_book.h"
#include "henb-x2sec/revocation/verdicts.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

/// Owns the sources, the lists and the verdict file (state_dir/verdicts.json). Loop thread; what blocks runs on
/// `worker` and `ike_worker`. Does nothing where neither list nor responder is configured.
class RevocationWatch {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& worker;
    common::Worker& ike_worker;
    core::HttpFetcher& fetcher;
    core::IkeDaemon* ike;  ///< Null without IPsec.
    const Credentials& credentials;
    std::function<const policy::Policy*()> policy;
    std::function<bool()> clock_sane;
    std::function<void(absl::Time)> raise_clock_floor;
    /// Facts have changed: links are to be decided anew.
    std::function<void()> changed;
    /// Somebody is newly revoked, the verdict file says so, and pluto has forgotten its answers: IKE SAs with a higher
    /// serial than this one are authenticated by the new word. `revoked` says whom it may be.
    std::function<void(std::uint64_t newest_serial,
                       const std::function<revocation::SerialBook::Answer(const common::HenbId&)>& revoked)>
        prove_again;
  };
  explicit RevocationWatch(Parts parts);
  ~RevocationWatch();
  RevocationWatch(const RevocationWatch&) = delete;
  RevocationWatch& operator=(const RevocationWatch&) = delete;

  /// Reads the lists kept on disk, leaves a verdict file, and starts to fetch. InvalidArgument:
  /// `revocation.authorities` cannot be used.
  [[nodiscard]] absl::Status Start();
  /// The backhaul is up again: what failed is fetched at once.
  void PathChanged();
  /// It is gone.
  void PathLost() { ocsp_.PathLost(); }
  /// Policy or own certificates have changed. Fails only where Start would.
  void TermsChanged();
  /// pluto runs (again): how does it ask?
  void PlutoStarted();
  void LearnPluto(absl::StatusOr<core::OcspSettings> settings);
  /// pluto has authenticated this neighbour by its certificate.
  void Authenticated(const common::HenbId& id);
  /// On the slow timer: news grows old.
  void Tick();

  /// For the facts of a decision: one for each root of this device.
  [[nodiscard]] std::vector<policy::AnchorNews> News() const;
  [[nodiscard]] RevocationView View() const;
  /// Of lists and of responders.
  [[nodiscard]] std::vector<std::string> urls() const;

 private:
  struct Source {
    std::string url;
    std::string etag;
    std::string last_modified;
    absl::Status last = absl::UnavailableError("not fetched yet");
    int failures = 0;
    bool running = false;
    std::optional<common::EventLoop::TimerId> timer;
  };
  struct Fetched {
    absl::StatusOr<core::HttpAnswer> answer;
    absl::StatusOr<revocation::CertificateList> list;
  };
  struct Saving {
    common::SpkiHash issuer;
    std::string der;
  };

  [[nodiscard]] bool configured() const { return !urls_.empty() || ocsp_.configured(); }
  void Schedule(std::size_t source, absl::Duration delay);
  void Fetch(std::size_t source);
  void Took(std::size_t source, Fetched fetched);
  [[nodiscard]] absl::Status Adopt(Fetched* fetched);
  [[nodiscard]] absl::Duration NextIn(const Source& source) const;
  void Complain();
  void LookAtOwn();
  void Answered(std::vector<std::string> newly_revoked);
  [[nodiscard]] revocation::News OcspNews(const Authority& authority) const;
  [[nodiscard]] absl::Duration StaleFor(const Authority& authority) const;
  [[nodiscard]] absl::Time GoodUntil(const Authority& authority) const;
  [[nodiscard]] absl::Time GoodByTheLongestTerms(absl::Time fresh_until) const;
  [[nodiscard]] revocation::IssuerVerdicts VerdictsOf(const Authority& authority, absl::Time now) const;
  [[nodiscard]] revocation::Verdicts MakeVerdicts() const;
  void LeaveVerdicts();
  void VerdictsLeft(const absl::Status& written, bool prove);
  void ForgetAndProve();
  void SaveLists();
  void LearnSerials();

  Parts parts_;
  revocation::ListCache cache_;
  OcspWatch ocsp_;
  std::vector<Authority> authorities_;
  std::vector<std::string> urls_;
  std::vector<Source> sources_;
  absl::StatusOr<core::OcspSettings> pluto_ = absl::UnavailableError("pluto has not been asked yet");
  std::set<std::string> own_revoked_;
  std::vector<Saving> to_save_;  ///< After the links have proven themselves: a crash before that finds them new again.
  std::optional<revocation::Verdicts> left_;
  bool leaving_ = false;
  std::vector<std::string> newly_revoked_;  ///< Serials that nobody has been asked about yet.
  revocation::SerialBook serials_;
  std::map<common::HenbId, absl::Time> authenticated_;  ///< Not yet in the book.
  std::optional<absl::Duration> complained_at_;         ///< Steady clock; none: news is fresh.
};

}  // namespace henb::x2sec::app
