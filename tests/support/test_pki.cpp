#include "tests/support/test_pki.h"

#include <openssl/pem.h>

#include <cstdlib>
#include <iostream>

namespace henb::tests {
namespace {

[[noreturn]] void Die(std::string_view what) {
  std::cerr << "test certificates: " << what << ": " << common::DrainOpensslErrors() << std::endl;
  std::abort();
}

common::Certificate MustBuild(const CertificateSpec& spec, EVP_PKEY* public_key, const common::Certificate* issuer,
                              EVP_PKEY* issuer_key) {
  absl::StatusOr<common::Certificate> made = BuildCertificate(spec, public_key, issuer, issuer_key);
  if (!made.ok()) Die(std::string(made.status().message()));
  return std::move(made).value();
}

}  // namespace

OpensslPtr<EVP_PKEY> NewKey(KeyKind kind) {
  EVP_PKEY* key = nullptr;
  switch (kind) {
    case KeyKind::kP256:
      key = EVP_EC_gen("P-256");
      break;
    case KeyKind::kP384:
      key = EVP_EC_gen("P-384");
      break;
    case KeyKind::kRsa2048:
      key = EVP_RSA_gen(2048);
      break;
  }
  if (key == nullptr) Die("key");
  return OpensslPtr<EVP_PKEY>(key);
}

common::SecretBytes Pkcs8Of(EVP_PKEY* key) {
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)> info(EVP_PKEY2PKCS8(key),
                                                                                       PKCS8_PRIV_KEY_INFO_free);
  unsigned char* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  if (size <= 0) Die("PKCS#8");
  common::SecretBytes out =
      common::SecretBytes::CopyOf(std::span<const std::uint8_t>(der, static_cast<std::size_t>(size)));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return out;
}

std::string PemOf(EVP_PKEY* key) {
  const OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) Die("PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

TestAuthority TestAuthority::Root(const std::string& subject, KeyKind kind) {
  std::shared_ptr<EVP_PKEY> key = NewKey(kind);
  return {MustBuild({.subject = subject, .ca = true}, key.get(), nullptr, key.get()), key};
}

TestAuthority TestAuthority::Subordinate(const std::string& subject, KeyKind kind) const {
  std::shared_ptr<EVP_PKEY> key = NewKey(kind);
  return {MustBuild({.subject = subject, .ca = true}, key.get(), &certificate_, key_.get()), key};
}

TestCredential TestAuthority::Issue(const CertificateSpec& spec, KeyKind kind) const {
  std::shared_ptr<EVP_PKEY> key = NewKey(kind);
  return {IssueFor(spec, key.get()), key};
}

common::Certificate TestAuthority::IssueFor(const CertificateSpec& spec, EVP_PKEY* public_key) const {
  return MustBuild(spec, public_key, &certificate_, key_.get());
}

TestCredential TestAuthority::IssueHenb(const std::string& name, KeyKind kind) const {
  return Issue({.subject = "/O=Test/CN=" + name, .dns_names = {name}}, kind);
}

}  // namespace henb::tests
