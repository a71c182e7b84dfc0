// Who issued a certificate, and under which serial number: what revocation speaks of.
#pragma once

#include <compare>
#include <string>

#include "absl/time/time.h"
#include "common/certificate.h"

typedef struct asn1_string_st ASN1_INTEGER;  // NOLINT(modernize-use-using): OpenSSL's own declaration
typedef struct asn1_string_st ASN1_TIME;     // NOLINT(modernize-use-using): OpenSSL's own declaration

namespace henb::common {

/// An issuer as OCSP names it (RFC 6960 §4.1.1): digests of its DN (DER) and of the octets of its public key, in the
/// two digests that clients use. Lower-case hexadecimal. A value.
struct IssuerId {
  std::string name_sha1;
  std::string key_sha1;
  std::string name_sha256;
  std::string key_sha256;
  [[nodiscard]] static IssuerId Of(const Certificate& issuer);
  friend auto operator<=>(const IssuerId&, const IssuerId&) = default;
};

/// A serial number as lower-case hexadecimal without leading zeros; negative ones (which RFC 5280 forbids and old CAs
/// made) begin with "-".
[[nodiscard]] std::string SerialText(const ASN1_INTEGER* serial);

[[nodiscard]] std::string SerialOf(const Certificate& certificate);

/// `unreadable` when it is not a time.
[[nodiscard]] absl::Time TimeOf(const ASN1_TIME* time, absl::Time unreadable);

/// Whether `nid`, a signature algorithm, uses SHA-2: SHA-1 and MD5 are refused (R31), and so is what OpenSSL has no
/// digest for.
[[nodiscard]] bool SignedWithSha2(int nid);

}  // namespace henb::common
