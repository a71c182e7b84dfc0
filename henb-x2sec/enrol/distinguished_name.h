// Names of subjects and of the RA/CA.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/henb_id.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {

/// "/O=Operator 1/CN=RA": types by OpenSSL's short names; "\/" and "\\" stand for the characters. InvalidArgument names
/// the part.
[[nodiscard]] absl::StatusOr<OpensslPtr<X509_NAME>> ParseDistinguishedName(const std::string& text);

/// The subject that a device asks for: CN=<identity>, or a DC for each label where the identity is longer than a CN may
/// be (64, RFC 5280 Appendix A; RFC 2247).
[[nodiscard]] absl::StatusOr<OpensslPtr<X509_NAME>> SubjectFor(const common::HenbId& identity);

}  // namespace henb::x2sec::enrol
