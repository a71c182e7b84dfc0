// Making certificates, good ones and such as must be refused.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/certificate.h"
#include "tests/support/openssl_ptr.h"

namespace henb::tests {

/// What a certificate shall say. A value.
struct CertificateSpec {
  std::string subject{};                 ///< "/O=Vendor 1/CN=henb-a.example"
  std::vector<std::string> dns_names{};  ///< subjectAltName
  std::vector<std::string>
      extended_usages{};  ///< OpenSSL's short names or OIDs ("clientAuth"); none: no such extension
  bool ca = false;
  absl::Time not_before = absl::FromUnixSeconds(1'577'836'800);  ///< 2020-01-01
  absl::Time not_after = absl::FromUnixSeconds(2'524'607'999);   ///< 2049-12-31
  std::string digest = "SHA256";
  int path_length = -1;            ///< Of a CA; negative: none.
  std::string name_constraints{};  ///< As openssl.cnf has it ("permitted;DNS:.example"); empty: none.
  std::string key_usage{};         ///< Empty: digitalSignature, or keyCertSign,cRLSign for a CA.
};

/// Signs a certificate for `public_key`. `issuer` nullptr: self-signed. Random serial of 127 bits. InvalidArgument
/// where the specification can't be encoded.
[[nodiscard]] absl::StatusOr<common::Certificate> BuildCertificate(const CertificateSpec& spec, EVP_PKEY* public_key,
                                                                   const common::Certificate* issuer,
                                                                   EVP_PKEY* issuer_key);

/// "/O=…/CN=…" as a name; nullptr when it is not one.
[[nodiscard]] OpensslPtr<X509_NAME> ParseName(const std::string& text);

}  // namespace henb::tests
