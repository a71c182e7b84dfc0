// One CMP transaction with the RA/CA.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/random.h"
#include "henb-x2sec/enrol/answer_check.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/enrol/cmp_transport.h"
#include "henb-x2sec/enrol/root_learning.h"

namespace henb::x2sec::enrol {

/// Who talks to whom, for how long. Everything borrowed must outlive the session.
struct CmpSessionParts {
  CmpTransport& transport;
  const common::Clock& clock;
  const X509_NAME* recipient = nullptr;  ///< Subject of the RA/CA; answers must come from it.
  std::vector<common::Certificate> operator_roots;
  std::vector<common::Certificate> signer_chain;  ///< The signer's certificate first; self-issued ones are not sent.
  EvpKey signer_key;
  absl::Duration message_timeout = absl::Seconds(20);
  absl::Duration total_timeout = absl::Minutes(5);
  common::Random* random = nullptr;  ///< For jitter.
  /// Waits; false when whoever runs this wants to stop.
  std::function<bool(absl::Duration)> wait;
  core::RootTerms root_terms{};  ///< A root that the answer brings may be one of the operator's.
  /// Instead of the signer's: what protects messages and answers (R36; RFC 4210 §5.1.3.1). Borrowed.
  const common::SecretBytes* mac_secret = nullptr;
  std::string mac_reference{};  ///< Under which the RA/CA knows it.
};

struct CertificateRequest {
  /// Or kKur: replaces the signer's certificate (RFC 4210 §5.3.5); or kP10cr: `pkcs10` is sent, for another's key.
  BodyType type = BodyType::kIr;
  EvpKey key;  ///< Signs the proof of possession; kP10cr: the public key of `pkcs10` is enough.
  const X509_NAME* subject = nullptr;
  common::HenbId identity;
  bool require_pkiconf = true;
  bool allow_implicit_confirm = false;
  /// Called when the certificate holds, before the CA is told: what must survive a power cut is kept here. An error
  /// rejects the certificate.
  std::function<absl::Status(const CertifiedPath&)> keep;
  X509_REQ* pkcs10 = nullptr;  ///< kP10cr: borrowed.
};

/// Owns an OSSL_CMP_CTX with fresh transactionID and nonces (R30). For one request; one thread. Does by itself what the
/// library leaves to its caller: the checks of answer_check.h on each answer, those of certificate_check.h before
/// certConf.
class CmpSession {
 public:
  explicit CmpSession(const CmpSessionParts& parts);
  CmpSession(const CmpSession&) = delete;
  CmpSession& operator=(const CmpSession&) = delete;

  /// ir → ip (kur → kup, p10cr → cp) → certConf → pkiConf, with pollReq → pollRep between where the CA says waiting
  /// (R35). Errors as core::Enroller::Enrol.
  [[nodiscard]] absl::StatusOr<CertifiedPath> RequestCertificate(const CertificateRequest& request);
  /// rr → rp for a certificate of this device.
  [[nodiscard]] absl::Status Revoke(const common::Certificate& certificate);

  /// The CA may hold a valid certificate that we refused or were never told of: it confirmed implicitly, so nobody told
  /// it.
  [[nodiscard]] const std::optional<common::Certificate>& left_at_ca() const { return left_at_ca_; }
  /// The root that this session took from the answer.
  [[nodiscard]] const std::optional<LearnedRoot>& learned() const { return learned_; }

 private:
  static OSSL_CMP_MSG* OnTransfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request);
  static int OnCertificate(OSSL_CMP_CTX* context, X509* certificate, int fail_info, const char** text);
  OSSL_CMP_MSG* Transfer(const OSSL_CMP_MSG* request);
  absl::StatusOr<std::string> ExchangeChecked(std::string_view request_der);
  /// Before the protection of `answer` is verified: what it may be verified to.
  absl::Status LookForRoot(const PkiMessageSummary& answer);
  /// The certificate, borrowed from the context; nullptr on error. Asks again until the CA no longer says waiting.
  X509* ExchangeRequest(BodyType type);
  bool WaitToPoll(int polls, absl::Duration check_after);
  /// extraCerts of the answer that brought the certificate.
  [[nodiscard]] std::vector<common::Certificate> Received() const;
  int JudgeCertificate(X509* certificate, int fail_info, const char** text);
  absl::Status Prepare();
  /// Who protects the messages, and how.
  [[nodiscard]] bool PrepareProtection();
  absl::Status PrepareRequest(const CertificateRequest& request);
  absl::Status Failure();

  const CmpSessionParts& parts_;
  std::vector<common::Certificate> roots_;  ///< Those of the parts, and the one learned.
  std::optional<LearnedRoot> learned_;
  OpensslPtr<OSSL_CMP_CTX> context_;
  absl::Duration deadline_;
  const CertificateRequest* request_ = nullptr;
  BodyType awaited_ = BodyType::kIp;
  bool private_key_sent_ = false;
  bool cert_conf_sent_ = false;
  bool confirmation_answered_ = false;
  std::optional<CertifiedPath> accepted_;
  std::optional<common::Certificate> left_at_ca_;
  absl::Status first_error_;
  std::string rejection_text_;
};

}  // namespace henb::x2sec::enrol
