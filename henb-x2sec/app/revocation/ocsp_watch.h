// The authorities' OCSP: asked about the certificates that pluto has seen, and about this device's own.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/revocation/authorities.h"
#include "henb-x2sec/core/ports/http_fetcher.h"
#include "henb-x2sec/revocation/judge.h"
#include "henb-x2sec/revocation/ocsp_book.h"
#include "henb-x2sec/revocation/serial_book.h"

namespace henb::x2sec::app {

/// Learns from x2sec-ocspd, every second, which certificates pluto has asked about, asks the responders of their side
/// about them, again before each answer is half over, and keeps what they said (state_dir/revocation/ocsp.json). The
/// answers about this device's own certificates tell how fresh a side's news is, also while there is no neighbour.
/// Loop thread; what blocks runs on `worker`, one question a side at a time. Does nothing without responders.
class OcspWatch {
 public:
  struct Parts {
    const Config& config;
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& worker;
    core::HttpFetcher& fetcher;
    const Credentials& credentials;
    std::function<void(absl::Time)> raise_clock_floor;
    /// Something was answered; these serial numbers are newly revoked.
    std::function<void(std::vector<std::string> newly_revoked)> news;
  };
  explicit OcspWatch(Parts parts);

  [[nodiscard]] bool configured() const;
  [[nodiscard]] bool Has(Side side) const { return !side_of(side).urls.empty(); }
  /// Reads what an earlier run kept, and begins.
  void Start(const std::vector<Authority>& authorities);
  /// The CAs or this device's own certificates have changed.
  void SetAuthorities(const std::vector<Authority>& authorities);
  void PathChanged();
  void PathLost();
  /// What is newly revoked has had its consequences: it may be kept. A crash before that finds it new again.
  void Proven();

  /// How fresh the side's news is: of the answer that holds longest. `verdict` kUnknown: there never was one.
  [[nodiscard]] revocation::News News(Side side) const;
  /// The backhaul has been away for a while, and pluto has asked about a certificate of this issuer that the responder
  /// has not been asked about: it may be the SeGW's, without which the responder is not reached.
  [[nodiscard]] bool LockedOut(const common::SpkiHash& issuer) const;
  [[nodiscard]] std::vector<std::string> Revoked(const common::SpkiHash& issuer) const { return book_.Revoked(issuer); }
  [[nodiscard]] std::map<std::string, revocation::OcspAnswer> Good(const common::SpkiHash& issuer) const {
    return book_.Good(issuer);
  }
  /// "URL: error" of the last question to each side.
  [[nodiscard]] std::vector<std::string> Problems() const;
  [[nodiscard]] std::vector<std::string> urls() const;

  static constexpr absl::Duration kLockedOutAfter = absl::Minutes(2);

 private:
  struct Responders {
    std::vector<std::string> urls;
    std::size_t at = 0;  ///< The one that is asked.
    int failures = 0;
    bool asking = false;
    absl::Duration not_before = absl::ZeroDuration();  ///< Steady clock: the pause after a failure.
    absl::Status last;                                 ///< Of the last question,
    std::string last_url;                              ///< and where it went.
  };
  [[nodiscard]] const Responders& side_of(Side side) const { return side == Side::kVendor ? vendor_ : operator_; }
  [[nodiscard]] Responders& side_of(Side side) { return side == Side::kVendor ? vendor_ : operator_; }
  void Look();
  void Learn(const std::vector<revocation::Asked>& asked);
  void WantOwn();
  void AskNext(Side side);
  void Ask(Side side, const Authority& authority, const revocation::CertificateId& id);
  void Took(Side side, const revocation::CertificateId& id, const absl::StatusOr<revocation::OcspAnswer>& answer);
  void Keep();

  Parts parts_;
  Responders vendor_, operator_;
  std::vector<Authority> authorities_;
  revocation::OcspBook book_;
  absl::Time learned_until_ = absl::InfinitePast();  ///< Newest question of pluto's that is in the book.
  std::optional<absl::Duration> path_lost_;          ///< Steady clock.
  absl::Time path_lost_at_ = absl::InfinitePast();
  bool keeping_ = false;
  bool changed_since_kept_ = false;
  bool to_be_proven_ = false;
};

}  // namespace henb::x2sec::app
