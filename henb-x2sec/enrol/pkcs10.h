// A device's request as PKCS#10 (RFC 2986), which another party carries to the RA/CA (R39).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {

/// A request whose signature was verified with the key that it asks a certificate for. A value, shared and immutable.
struct Pkcs10 {
  static constexpr std::size_t kMostOctets = 8U << 10;

  std::string der;
  common::HenbId identity;  ///< The one dNSName asked for.
  common::SpkiHash spki;
  std::shared_ptr<X509_REQ> request;
  EvpKey public_key;

  [[nodiscard]] const X509_NAME* subject() const { return X509_REQ_get_subject_name(request.get()); }
  /// SHA-256 of the DER, in hexadecimal: the request's name wherever it goes.
  [[nodiscard]] std::string id() const;
};

/// Signs, by SHA-256, a request for CN=<identity> (SubjectFor) and that one dNSName. Internal: the key's store refuses.
[[nodiscard]] absl::StatusOr<std::string> MakePkcs10(const common::HenbId& identity, const EvpKey& key);

/// InvalidArgument for what is no such request: more than kMostOctets, octets behind it, another version, a key that is
/// neither EC on P-256, P-384 or P-521 nor RSA of 2048 to 4096 bits, a signature that is not SHA-2 or not by that key
/// (proof of possession), other attributes than one extensionRequest, other extensions than one subjectAltName, other
/// names in it than one dNSName, another subject than MakePkcs10's.
[[nodiscard]] absl::StatusOr<Pkcs10> ParsePkcs10(std::string_view der);

}  // namespace henb::x2sec::enrol
