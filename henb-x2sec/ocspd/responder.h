// One OCSP question and its answer (RFC 6960).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "henb-x2sec/ocspd/signer.h"
#include "henb-x2sec/revocation/verdicts.h"

namespace henb::x2sec::ocspd {

/// Owns the signer. Answers are signed for one moment: nextUpdate is a few seconds ahead.
class Responder {
 public:
  using Judge = std::function<revocation::Verdict(const revocation::Subject&)>;
  explicit Responder(Signer signer) : signer_(std::move(signer)) {}

  /// An OCSPResponse (DER), always: malformedRequest for what is not a request about one to kMostCertificates
  /// certificates, internalError when it cannot be signed. A nonce comes back. One thread.
  [[nodiscard]] std::string Answer(std::string_view request_der, const Judge& judge, absl::Time now) const;
  static constexpr int kMostCertificates = 8;
  /// What a request asks about; empty for what is not one. Pure.
  [[nodiscard]] static std::vector<revocation::Subject> SubjectsOf(std::string_view request_der);

 private:
  Signer signer_;
};

}  // namespace henb::x2sec::ocspd
