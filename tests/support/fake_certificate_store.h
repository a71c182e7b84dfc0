// Keys and certificates in memory: the fake of CertificateStore and DeviceKeyStore.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "tests/support/openssl_ptr.h"

namespace henb::tests {

/// Behaves as NssCertificateStore does (tests/conformance/certificate_store runs on both). Any thread.
class FakeCertificateStore final : public x2sec::core::CertificateStore, public x2sec::core::DeviceKeyStore {
 public:
  absl::StatusOr<bool> ImportRoot(const common::Certificate& root) override;
  absl::Status ImportIntermediate(const common::Certificate& certificate) override;
  absl::StatusOr<bool> RemoveIntermediate(const common::Certificate& certificate) override;
  absl::StatusOr<std::string> ImportKey(const common::SecretBytes& pkcs8,
                                        const common::Certificate& certificate) override;
  absl::StatusOr<std::vector<x2sec::core::StoredKey>> Keys() override;
  absl::StatusOr<std::vector<common::Certificate>> Roots() override;
  absl::Status DeleteKey(const std::string& ckaid) override;
  absl::StatusOr<std::string> GenerateKey() override;
  absl::StatusOr<std::string> PublicKey(const std::string& ckaid) override;
  absl::StatusOr<std::string> Sign(const std::string& ckaid, x2sec::core::SignedDigest digest,
                                   std::string_view digest_bytes) override;
  absl::StatusOr<common::SecretBytes> RsaPrivate(const std::string& ckaid, x2sec::core::RsaUse use,
                                                 std::string_view block) override;
  absl::StatusOr<common::SecretBytes> Agree(const std::string& ckaid, std::string_view point) override;
  absl::StatusOr<std::string> ImportCertificate(const common::Certificate& certificate) override;
  absl::StatusOr<bool> HasCertificate(const common::Certificate& certificate) override;
  absl::StatusOr<std::set<std::string>> KeysWithoutCertificate() override;
  /// What NSS computes: SHA-1 of the EC point or the RSA modulus.
  static std::string CkaidOf(EVP_PKEY* key);

 private:
  static std::string SpkiOf(EVP_PKEY* key);
  static bool AddOnce(std::vector<common::Certificate>* list, const common::Certificate& certificate);

  std::mutex mutex_;
  std::map<std::string, OpensslPtr<EVP_PKEY>> keys_;
  std::vector<common::Certificate> certificates_, roots_, intermediates_;
};

}  // namespace henb::tests
