// What a device asks for, read from a CRMF request (RFC 4211) by the test CA.
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

}  // namespace henb::tests
