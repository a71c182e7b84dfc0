// Certificate revocation lists (RFC 5280 §5), verified.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/revocation/issuer_id.h"

namespace henb::common {

/// What a verified list says. A value.
struct CertificateList {
  IssuerId issuer;
  SpkiHash issuer_spki;
  std::string issuer_subject;
  absl::Time this_update;
  absl::Time next_update;
  std::string number;                ///< cRLNumber, as SerialText.
  std::vector<std::string> revoked;  ///< Serials (SerialText), sorted. On hold is revoked.

  [[nodiscard]] bool Revokes(const std::string& serial) const;
};

/// What a list may cost.
struct ListLimits {
  std::size_t most_octets = 4U << 20;
  std::size_t most_entries = 200'000;
};

/// Reads a list (DER) and verifies that one of `issuers` signed it and may do so: same name, its key, cRLSign where
/// there is a key usage. Dates are not compared with the clock here (Judge does; R57).
///
/// ResourceExhausted: beyond the limits. NotFound: its issuer is none of `issuers`. InvalidArgument: anything else: not
/// a version 2 list, octets after it, SHA-1 or MD5, a bad signature, an issuer without the right, no nextUpdate, no
/// cRLNumber, dates that contradict each other, a delta, any critical extension of the list (a list of a part of the
/// certificates has one) or of an entry (an entry of another issuer has one). Any thread.
[[nodiscard]] absl::StatusOr<CertificateList> VerifyCertificateList(std::string_view der,
                                                                    const std::vector<Certificate>& issuers,
                                                                    const ListLimits& limits = {});

/// Whether `fresh` may take the place of `held` (of the same issuer): neither its number nor its date goes back. False
/// for the same list again; FailedPrecondition when it is older, or another one with the same number. Pure.
[[nodiscard]] absl::StatusOr<bool> Supersedes(const CertificateList& fresh, const CertificateList& held);

/// Serials that `fresh` revokes and `held` did not. Pure.
[[nodiscard]] std::vector<std::string> NewlyRevoked(const CertificateList& fresh, const CertificateList* held);

}  // namespace henb::common
