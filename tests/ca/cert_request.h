// What a device asks for, read from CRMF (RFC 4211) or PKCS#10 by the test CA.
#pragma once

#include <openssl/crmf.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/openssl_ptr.h"

namespace henb::tests {

struct CertRequest {
  std::string subject;  ///< "/CN=…", the form that CertificateSpec takes.
  std::vector<std::string> dns_names;
  OpensslPtr<EVP_PKEY> public_key;
};

/// InvalidArgument when subject, key or SAN can't be read.
[[nodiscard]] absl::StatusOr<CertRequest> ReadCertRequest(const OSSL_CRMF_MSG* message);
/// The same from PKCS#10 (RFC 2986), whose signature must be SHA-2 and by its key.
[[nodiscard]] absl::StatusOr<CertRequest> ReadPkcs10(const X509_REQ* request);

}  // namespace henb::tests
