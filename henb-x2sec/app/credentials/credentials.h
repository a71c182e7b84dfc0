// The device's certificates and keys.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/clock.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/operator_roots.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/enroller.h"

namespace henb::x2sec::app {

/// A certificate whose private key is in the certificate store.
struct Credential {
  common::Certificate certificate;
  std::vector<common::Certificate> intermediates;
  common::Certificate anchor;  ///< The root its path ends at.
  std::string ckaid;
  bool rsa = false;
  core::RootSource anchor_source = core::RootSource::kProvisioned;  ///< How enrolment came by the anchor.
};

/// What goes into the certificate store, as a value of its own: a worker writes it while the loop goes on.
struct CredentialImport {
  std::vector<common::Certificate> roots;
  std::vector<common::Certificate> intermediates;
  common::Certificate vendor;
  common::SecretBytes vendor_key_pem;  ///< Empty: it is in a token, and its certificate is put beside it there.

  struct Result {
    bool root_is_new = false;  ///< Then IkeDaemon::TrustNewRoots.
    std::string vendor_ckaid;
  };
  /// Roots, intermediates and, last, the vendor key. The error names what could not be imported; what came before it is
  /// in.
  [[nodiscard]] absl::StatusOr<Result> Into(core::CertificateStore& store) const;
};

/// Owns what the device can prove itself with. Built at start from files; the vendor key goes into the NSS database,
/// where the operator key that enrolment made lives as well (the operator certificate is kept in state_dir/operator.pem
/// and in NSS). With a token both keys are in there, and no file has one. Loop thread, but for what is said to be for
/// workers.
class Credentials {
 public:
  /// Reads the files, and with a token no key; checks that key and certificate belong together, that the certificate
  /// has exactly `config.id` as dNSName and a path to vendor_root, and reads an operator certificate of an earlier
  /// enrolment whose key is still in `store`. InvalidArgument names the file. A token that can't be used is no error:
  /// FindOperator and ImportInto find the keys when it can.
  /// `provisioned`: operator roots beside those of the configuration.
  [[nodiscard]] static absl::StatusOr<Credentials> Load(const Config& config, core::CertificateStore& store,
                                                        const std::vector<OperatorRoot>& provisioned = {});
  /// The configuration's vendor roots. InvalidArgument names the file.
  [[nodiscard]] static absl::StatusOr<std::vector<common::Certificate>> ReadVendorRoots(const Config& config);

  /// What is to be in the store; then Imported.
  [[nodiscard]] CredentialImport ToImport() const;
  /// True when the vendor key is known by another ckaid than before, or again.
  bool Imported(const CredentialImport::Result& result);
  /// All of it here and now, for who may wait. True: a root was new.
  [[nodiscard]] absl::StatusOr<bool> ImportInto(core::CertificateStore& store);
  /// Installs what enrolment brought: key and certificate into `store`, certificate into state_dir, durably. For a
  /// worker; then Adopt.
  [[nodiscard]] static absl::StatusOr<Credential> InstallEnrolled(const Config& config, core::CertificateStore& store,
                                                                  core::Enrolled enrolled);
  /// The operator certificate on the disk whose key is in `store`, under one of `roots`; none: there is none that is of
  /// use. Only a store that does not answer is an error; FailedPrecondition: its token is away. For a worker; then
  /// Restore.
  [[nodiscard]] static absl::StatusOr<std::optional<Credential>> FindOperator(
      const Config& config, core::CertificateStore& store, const std::vector<common::Certificate>& roots);
  /// What FindOperator found; one that came meanwhile stays.
  void Restore(std::optional<Credential> found);
  /// Its anchor is an operator root from now on.
  void Adopt(Credential operator_credential);

  /// Provisioning data has these roots, and not those of earlier ones. What is held under an earlier one stays until
  /// the next start.
  void SetProvisionedRoots(std::vector<OperatorRoot> roots);

  /// Credentials whose keys are not among `ckaids` are none any more; their subjects. The vendor's stays known, without
  /// a key.
  [[nodiscard]] std::vector<std::string> KeepOnly(const std::set<std::string>& ckaids);

  [[nodiscard]] const Credential& vendor() const { return *vendor_; }
  /// None before enrolment. The caller looks at its validity.
  [[nodiscard]] const std::optional<Credential>& operator_credential() const { return operator_; }
  [[nodiscard]] bool Enrolled(absl::Time now) const;
  [[nodiscard]] const std::vector<common::Certificate>& vendor_roots() const { return vendor_roots_; }
  [[nodiscard]] const std::vector<common::Certificate>& operator_roots() const { return operator_roots_; }
  /// The same, with where they came from.
  [[nodiscard]] const std::vector<OperatorRoot>& known_roots() const { return known_roots_; }
  /// Empty with a token.
  [[nodiscard]] const common::SecretBytes& vendor_key_pem() const { return vendor_key_; }
  /// FILES_AND_NSS, or "PKCS11:" and the token's label.
  [[nodiscard]] const std::string& key_store() const { return key_store_; }
  /// Subject DN of the anchor with this hash, among vendor and operator roots; empty when unknown.
  [[nodiscard]] std::string SubjectOf(const common::SpkiHash& anchor) const;

 private:
  void AddRoot(OperatorRoot root);
  std::optional<Credential> vendor_;
  std::optional<Credential> operator_;
  std::vector<common::Certificate> vendor_roots_;
  std::vector<common::Certificate> operator_roots_;
  std::vector<OperatorRoot> known_roots_;
  common::SecretBytes vendor_key_;
  std::string key_store_ = "FILES_AND_NSS";
};

}  // namespace henb::x2sec::app
