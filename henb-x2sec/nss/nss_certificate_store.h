// Keys and certificates in pluto's NSS database, or keys in a token beside it, through NSS's C API.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/device_decryption.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "henb-x2sec/nss/token_settings.h"

namespace henb::x2sec::nss {

/// Owns an open database directory ("sql:DIR": cert9.db and key4.db) for its life. Other processes, pluto above all,
/// may use the same database meanwhile: NSS serialises writers by SQLite's locks and waits up to some seconds for them
/// (then Unavailable). What others write is seen at the next call. Any thread; calls are serialised here. Certificates
/// are named by their subject, since NSS keeps one nickname for a subject: identify keys by ckaid, never by nickname.
///
/// With a token, private keys and their certificates are in the token, roots and intermediates in the database. The
/// token may be away when the store is opened, and come and go: every call that needs it is FailedPrecondition then and
/// says what is missing. pluto must have the module too (docs/pluto.md).
class NssCertificateStore final : public core::CertificateStore,
                                  public core::DeviceKeyStore,
                                  public core::DeviceDecryption {
 public:
  /// NotFound: no database there. PermissionDenied: not writable, or it has a password that is not `password` (empty:
  /// none).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NssCertificateStore>> Open(
      const std::string& directory, const common::SecretBytes& password = {},
      std::optional<TokenSettings> token = std::nullopt);
  ~NssCertificateStore() override;

  /// InvalidArgument when the certificate is no CA (basicConstraints, RFC 5280 §4.2.1.9).
  absl::StatusOr<bool> ImportRoot(const common::Certificate& root) override;
  absl::Status ImportIntermediate(const common::Certificate& certificate) override;
  absl::StatusOr<bool> RemoveIntermediate(const common::Certificate& certificate) override;
  absl::StatusOr<std::string> ImportKey(const common::SecretBytes& pkcs8,
                                        const common::Certificate& certificate) override;
  absl::StatusOr<std::vector<core::StoredKey>> Keys() override;
  absl::StatusOr<std::vector<common::Certificate>> Roots() override;
  absl::Status DeleteKey(const std::string& ckaid) override;

  absl::StatusOr<std::string> GenerateKey() override;
  absl::StatusOr<std::string> PublicKey(const std::string& ckaid) override;
  absl::StatusOr<std::string> Sign(const std::string& ckaid, core::SignedDigest digest,
                                   std::string_view digest_bytes) override;
  absl::StatusOr<common::SecretBytes> RsaPrivate(const std::string& ckaid, core::RsaUse use,
                                                 std::string_view block) override;
  /// Of both ports.
  absl::StatusOr<common::SecretBytes> Agree(const std::string& ckaid, std::string_view point) override;
  absl::StatusOr<std::string> ImportCertificate(const common::Certificate& certificate) override;
  absl::StatusOr<bool> HasCertificate(const common::Certificate& certificate) override;
  absl::StatusOr<std::set<std::string>> KeysWithoutCertificate() override;

  absl::StatusOr<common::SecretBytes> DecryptOaep(const std::string& ckaid, std::string_view ciphertext) override;

 private:
  class Impl;
  explicit NssCertificateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::x2sec::nss
