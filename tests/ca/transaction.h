// One CMP transaction at the test CA.
#pragma once

#include <openssl/cmp.h>

#include <mutex>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "tests/ca/cert_request.h"
#include "tests/ca/test_ca.h"

namespace henb::tests {

/// Owns one OSSL_CMP_SRV_CTX (the library's holds one transaction only). Any thread; calls are serialised here.
class Transaction {
 public:
  Transaction(TestCa* ca, std::string id);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] std::optional<std::string> Handle(const x2sec::enrol::PkiMessageSummary& summary,
                                                  const std::string& der);

  /// Past it the certificate counts as unconfirmed; InfiniteFuture when none waits.
  [[nodiscard]] absl::Time confirm_deadline();
  /// Revokes what was never confirmed.
  void GiveUp();
  [[nodiscard]] absl::Time started() const { return started_; }

 private:
  static OSSL_CMP_PKISI* OnCertRequest(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* request, int id,
                                       const OSSL_CRMF_MSG* message, const X509_REQ* p10, X509** certificate,
                                       STACK_OF(X509) * *chain, STACK_OF(X509) * *ca_certificates);
  static OSSL_CMP_PKISI* OnRevocation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* request, const X509_NAME* issuer,
                                      const ASN1_INTEGER* serial);
  /// A pollRep, or the request that waited, which the library then handles.
  static int OnPollReq(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* request, int id, OSSL_CMP_MSG** waiting,
                       int64_t* check_after);
  /// The device gives up.
  static void OnError(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* request, const OSSL_CMP_PKISI* status,
                      const ASN1_INTEGER* code, const OSSL_CMP_PKIFREETEXT* details);
  static int OnCertConf(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* request, int id, const ASN1_OCTET_STRING* hash,
                        const OSSL_CMP_PKISI* status);

  /// Who signed, when the path ends at a vendor root or (for what it revokes) at the operator's.
  std::optional<common::Certificate> VerifiedSigner(const x2sec::enrol::PkiMessageSummary& summary) const;
  absl::StatusOr<common::Certificate> Issue(const OSSL_CRMF_MSG* message);
  /// What a NEM asks for: it must be one of those configured, and the device on the list (R39). Whose key it is, is
  /// proved by the PKCS#10 itself.
  absl::StatusOr<common::Certificate> IssueThroughNem(const X509_REQ* p10);
  absl::StatusOr<common::Certificate> Certify(const CertRequest& request, const std::string& identity,
                                              const std::string& through);
  /// R36: what the library verifies a MAC with. Whether the message may be handled at all.
  bool TakeMac(const x2sec::enrol::PkiMessageSummary& summary);
  /// The certificate is confirmed.
  void Confirmed();
  /// A kur is signed with the certificate that it replaces: this CA's, this device's, confirmed and not revoked; and
  /// brings another key (RFC 4210 §5.3.5, Appendix D.6).
  absl::Status CheckUpdate(const OSSL_CRMF_MSG* message, EVP_PKEY* new_key) const;
  void Supersede();
  absl::Status Confirm(std::string_view hash, const std::string& status);

  TestCa* const ca_;
  const std::string id_;
  const absl::Time started_ = absl::Now();
  std::mutex mutex_;
  OSSL_CMP_SRV_CTX* server_ = nullptr;
  std::optional<common::HenbId> signer_;
  std::optional<common::Certificate> signer_certificate_;
  std::string mac_reference_;            ///< Not empty: this transaction is under a symmetric credential.
  bool update_ = false;                  ///< The request is a kur.
  std::optional<std::string> replaced_;  ///< Serial of what a kur supersedes once its successor is confirmed.
  bool weak_ = false;                    ///< The message at hand is protected or proved with a weak algorithm.
  std::unique_ptr<OSSL_CMP_MSG, decltype(&OSSL_CMP_MSG_free)> waiting_{
      nullptr, OSSL_CMP_MSG_free};  ///< A request that is answered later.
  int polls_ = 0;
  std::optional<common::Certificate> issued_;
  absl::Time deadline_ = absl::InfiniteFuture();
};

}  // namespace henb::tests
