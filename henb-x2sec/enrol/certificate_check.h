// Whether an issued certificate is the one that was asked for (R27, R28, R31).
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/henb_id.h"
#include "henb-x2sec/core/ports/enroller.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {

struct CertificateTerms {
  EVP_PKEY* key = nullptr;             ///< Borrowed; its public half must be the certificate's.
  const X509_NAME* subject = nullptr;  ///< Borrowed; as asked for.
  common::HenbId identity;
  std::vector<common::Certificate> roots;  ///< The operator's, and no others.
  absl::Time now;
};

struct CertifiedPath {
  common::Certificate certificate;
  std::vector<common::Certificate> intermediates;
  common::Certificate anchor;
  core::RootSource anchor_source = core::RootSource::kProvisioned;
};

/// A reason against a certificate: what is logged and what the CA is told.
struct Rejection {
  absl::Status status;  ///< FailedPrecondition; begins with the event's name.
  int fail_info = 0;    ///< Bit number of PKIFailureInfo (RFC 4210 Appendix F).
};

/// The path from `certificate` over `untrusted`, self-issued ones left out, to one of the roots. FailedPrecondition
/// with the reason.
[[nodiscard]] absl::StatusOr<CertifiedPath> FindPath(const common::Certificate& certificate,
                                                     const std::vector<common::Certificate>& untrusted,
                                                     const std::vector<common::Certificate>& roots, absl::Time now);

/// `path`, leaf first, anchor last, holds as it is (RFC 5280 §6.1: signatures, validity, path length, names).
/// FailedPrecondition with the reason.
[[nodiscard]] absl::Status CheckExactPath(const std::vector<common::Certificate>& path, absl::Time now);

/// The path from `certificate` over `untrusted` to one of the roots; otherwise `rejection` says why. Self-issued
/// certificates in `untrusted` are left out, so that they can't lead the path astray. Usage: no CA; keyUsage absent or
/// with digitalSignature; extendedKeyUsage absent or with one of id-kp-ipsecIKE, iKEIntermediate, anyExtendedKeyUsage,
/// or clientAuth and serverAuth together (RFC 4945 §5.1.3.12; pluto takes all of these).
[[nodiscard]] std::optional<CertifiedPath> CheckIssuedCertificate(const common::Certificate& certificate,
                                                                  const std::vector<common::Certificate>& untrusted,
                                                                  const CertificateTerms& terms, Rejection* rejection);

/// The roots as a store that checks at `now`, refuses SHA-1 and keys below 112 bits (OpenSSL's level 2).
[[nodiscard]] OpensslPtr<X509_STORE> TrustStore(const std::vector<common::Certificate>& roots, absl::Time now);

}  // namespace henb::x2sec::enrol
