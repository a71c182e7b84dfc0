// OCSP answers (RFC 6960), asked for and verified.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/random.h"
#include "henb-x2sec/revocation/judge.h"

namespace henb::x2sec::revocation {

struct OcspQuestion {
  std::string der;    ///< OCSPRequest with one certificate, SHA-256, and a nonce.
  std::string nonce;  ///< 32 octets (RFC 9654).
};

/// Asks about one certificate of `issuer`. InvalidArgument when `serial` is not SerialText's. Any thread.
[[nodiscard]] absl::StatusOr<OcspQuestion> AskAbout(const common::Certificate& issuer, const std::string& serial,
                                                    common::Random& random);

struct OcspAnswer {
  Verdict verdict = Verdict::kUnknown;
  absl::Time this_update;
  absl::Time next_update;
};

struct OcspLimits {
  std::size_t most_octets = 64U << 10;
  bool nonce_required = false;  ///< Many responders sign ahead and give none; a wrong one is always refused.
};

/// Verifies the answer (DER) about `serial` of `issuer`: signed with SHA-2 by the issuer itself, or by a certificate
/// that the issuer made for it (EKU OCSPSigning) and that is valid at `now`; about this certificate; with the nonce
/// that was sent.
///
/// ResourceExhausted: too large. Unavailable: the responder says that it cannot answer. InvalidArgument: anything else,
/// also an answer without nextUpdate. Dates are not compared with `now` here (Judge does). Any thread.
[[nodiscard]] absl::StatusOr<OcspAnswer> VerifyOcspAnswer(std::string_view der, const common::Certificate& issuer,
                                                          const std::string& serial, std::string_view nonce,
                                                          absl::Time now, const OcspLimits& limits = {});

}  // namespace henb::x2sec::revocation
