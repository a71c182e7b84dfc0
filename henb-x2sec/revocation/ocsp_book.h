// What an authority's OCSP has said of certificates, and what it is to be asked.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/digest.h"
#include "henb-x2sec/revocation/ocsp_answer.h"

namespace henb::x2sec::revocation {

/// A certificate by its issuer's SubjectPublicKeyInfo and its serial number (SerialText).
struct CertificateId {
  common::SpkiHash issuer;
  std::string serial;
  friend auto operator<=>(const CertificateId&, const CertificateId&) = default;
};

/// The newest verified answer about each certificate that somebody wants to know of. At most kMost: for one more the
/// one that was wanted longest ago goes. A value; pure.
class OcspBook {
 public:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kMostOctets = 1U << 20;
  /// A certificate that nobody has wanted for so long is forgotten: its holder is gone, or has another one.
  static constexpr absl::Duration kKept = absl::Hours(24 * 30);

  enum class Wish { kOwn, kAskedByPluto };
  /// It is to be known of from `now` on. True when it was not wanted before.
  bool Want(const CertificateId& id, Wish wish, absl::Time now);
  /// True when it is newly revoked. FailedPrecondition: older than the answer held (a replay); NotFound: not wanted.
  [[nodiscard]] absl::StatusOr<bool> Take(const CertificateId& id, const OcspAnswer& answer, absl::Time now);
  /// True when something went.
  bool Forget(absl::Time now);

  /// Those of `issuer` that are to be asked about: never answered, or a half of what the answer held has passed, or
  /// `refresh` since it came. The one that was asked about longest ago first, so that none keeps the others waiting.
  [[nodiscard]] std::vector<CertificateId> Due(const common::SpkiHash& issuer, absl::Time now,
                                               absl::Duration refresh) const;
  /// The responder is being asked about it.
  void Tried(const CertificateId& id, absl::Time now);
  /// pluto has asked about one since `since`, and it was never answered.
  [[nodiscard]] bool HasUnanswered(const common::SpkiHash& issuer, absl::Time since) const;
  /// Sorted.
  [[nodiscard]] std::vector<std::string> Revoked(const common::SpkiHash& issuer) const;
  /// Serial and the good answer about it.
  [[nodiscard]] std::map<std::string, OcspAnswer> Good(const common::SpkiHash& issuer) const;
  /// The answer of this issuer's certificates that holds longest, whatever it says; null: there is none.
  [[nodiscard]] const OcspAnswer* Longest(const common::SpkiHash& issuer) const;

  /// JSON, version 1. Parse: InvalidArgument says what is wrong.
  [[nodiscard]] std::string Serialise() const;
  [[nodiscard]] static absl::StatusOr<OcspBook> Parse(std::string_view json);

 private:
  struct Entry {
    OcspAnswer answer{.this_update = absl::InfinitePast(), .next_update = absl::InfinitePast()};
    absl::Time wanted;
    absl::Time asked = absl::InfinitePast();  ///< By pluto.
    absl::Time tried = absl::InfinitePast();
    absl::Time came = absl::InfinitePast();  ///< InfinitePast: never answered.
  };
  std::map<CertificateId, Entry> entries_;
};

}  // namespace henb::x2sec::revocation
