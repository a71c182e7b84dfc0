// Authorities and credentials for tests, made on the spot.
#pragma once

#include <string>
#include <vector>

#include "common/certificate.h"
#include "common/secret_bytes.h"
#include "tests/support/certificate_builder.h"

namespace henb::tests {

enum class KeyKind { kP256, kP384, kRsa2048 };

/// A new private key. Aborts when OpenSSL can't.
[[nodiscard]] OpensslPtr<EVP_PKEY> NewKey(KeyKind kind = KeyKind::kP256);
/// PKCS#8 DER.
[[nodiscard]] common::SecretBytes Pkcs8Of(EVP_PKEY* key);
[[nodiscard]] std::string PemOf(EVP_PKEY* key);

struct TestCredential {
  common::Certificate certificate;
  std::shared_ptr<EVP_PKEY> key;
};

/// A root or subordinate CA. A value; aborts on a specification that can't be encoded.
class TestAuthority {
 public:
  [[nodiscard]] static TestAuthority Root(const std::string& subject, KeyKind kind = KeyKind::kP256);
  [[nodiscard]] TestAuthority Subordinate(const std::string& subject, KeyKind kind = KeyKind::kP256) const;

  [[nodiscard]] TestCredential Issue(const CertificateSpec& spec, KeyKind kind = KeyKind::kP256) const;
  [[nodiscard]] common::Certificate IssueFor(const CertificateSpec& spec, EVP_PKEY* public_key) const;
  /// "/O=Test/CN=<name>" with `name` as the one dNSName.
  [[nodiscard]] TestCredential IssueHenb(const std::string& name, KeyKind kind = KeyKind::kP256) const;

  [[nodiscard]] const common::Certificate& certificate() const { return certificate_; }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  TestAuthority(common::Certificate certificate, std::shared_ptr<EVP_PKEY> key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  common::Certificate certificate_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace henb::tests
