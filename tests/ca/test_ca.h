// An RA/CA for tests and the lab: speaks CMPv2 (RFC 4210), verifies what it is asked, issues, keeps a ledger, and
// misbehaves on demand.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/ca/ledger.h"
#include "tests/ca/sin.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

class Transaction;

struct TestCaConfig {
  std::vector<common::Certificate> ca_chain;  ///< The issuing CA first, then what leads to the root; the root last.
  std::shared_ptr<EVP_PKEY> ca_key;
  std::string ra_name = "/CN=x2-test-ca RA";      ///< Subject of the RA certificate, made at start under the CA.
  std::vector<common::Certificate> vendor_roots;  ///< Whose devices may enrol.
  /// dNSNames that may enrol. Empty: all that ask themselves, and none that a NEM asks for.
  std::vector<common::Certificate> extra_certs;  ///< Sent in extraCerts after the CA's chain, in this order.
  std::vector<common::Certificate> ca_pubs;      ///< Sent in caPubs.
  std::vector<std::string> devices;
  std::vector<common::Certificate> nems;  ///< Whose p10cr is taken, under the operator's root.
  /// Symmetric credentials by reference value, which is the device's dNSName; each for one certificate (R36).
  std::map<std::string, std::string> mac_secrets;
  absl::Duration confirm_timeout = absl::Seconds(30);
  absl::Duration validity = absl::Hours(24 * 90);
  bool grant_implicit_confirm = false;
  int waiting_polls = 0;  ///< "waiting", and pollRep to so many pollReq before it issues; negative: to all.
  absl::Duration check_after = absl::Seconds(1);  ///< In pollRep.
  std::string sin;                                ///< One of SinNames(), or empty.
  std::string ledger_path;                        ///< Empty: memory only.
};

/// Owns the transactions and the ledger. Handle may be called from any thread; messages of one transaction are handled
/// one after the other.
class TestCa {
 public:
  /// InvalidArgument: unknown sin, key that is not the CA's, no vendor root.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TestCa>> Create(TestCaConfig config);
  ~TestCa();

  /// The answer to one PKIMessage (DER). InvalidArgument: not a PKIMessage (HTTP 400). nullopt: no answer at all.
  [[nodiscard]] absl::StatusOr<std::optional<std::string>> Handle(const std::string& der);

  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] const TestCaConfig& config() const { return config_; }
  [[nodiscard]] const TestCredential& ra() const { return ra_; }
  [[nodiscard]] Sin& sin() { return repented_ ? virtue_ : *sin_; }
  /// Transactions that their device ended with an error message.
  [[nodiscard]] std::atomic<int>& given_up() { return given_up_; }
  /// No sin from now on.
  void Repent() { repented_ = true; }
  /// As the configuration's waiting_polls, from the next request on.
  void set_waiting_polls(int polls) { waiting_polls_ = polls; }
  [[nodiscard]] int waiting_polls() const { return waiting_polls_; }
  void Relapse() { repented_ = false; }
  [[nodiscard]] const TestCredential& impostor() const { return impostor_; }
  /// The CA of the same name with another key.
  [[nodiscard]] const TestAuthority& other_ca() const { return other_ca_; }

  /// A symmetric credential has brought this certificate.
  void CredentialUsed(const std::string& reference, const std::string& serial);
  /// PermissionDenied once it has; not when the device itself has revoked that certificate, of which it never heard the
  /// confirmation.
  [[nodiscard]] absl::Status CheckCredentialUnused(const std::string& reference);

  /// Signs with the CA's key, or with that of a CA of the same name.
  [[nodiscard]] absl::StatusOr<common::Certificate> Issue(const CertificateSpec& spec, EVP_PKEY* key,
                                                          bool from_other) const;

 private:
  TestCa(TestCaConfig config, std::unique_ptr<Sin> sin);
  void SweepUnconfirmed();
  std::shared_ptr<Transaction> TransactionFor(const std::string& id);

  const TestCaConfig config_;
  const std::unique_ptr<Sin> sin_;
  Sin virtue_;
  std::atomic<bool> repented_{false};
  std::atomic<int> given_up_{0};
  std::atomic<int> waiting_polls_{config_.waiting_polls};
  Ledger ledger_;
  TestCredential ra_;
  TestAuthority other_ca_;
  TestCredential impostor_;
  std::mutex mutex_;
  std::map<std::string, std::string> used_credentials_;  ///< Reference value → serial.
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<std::string, std::shared_ptr<Transaction>> transactions_;
  std::thread sweeper_;
};

}  // namespace henb::tests
