#include "tests/unit/keydist/test_pki.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>

namespace henb::keydist::test {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Cert = std::shared_ptr<X509>;

Key NewKey() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string PemOf(const Key& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return Drain(bio);
}

std::string PemOf(const Cert& certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate.get());
  return Drain(bio);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Null issuer: self-signed.
Cert Make(const std::string& name, const Key& key, X509* issuer, const Key& signer, absl::Time from, absl::Time until,
          bool ca, const LeafOptions& options) {
  static std::atomic<long> serial{1};
  Cert certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(from));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(until));
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer));
  X509_set_pubkey(certificate.get(), key.get());
  X509* const by = issuer == nullptr ? certificate.get() : issuer;
  AddExtension(certificate.get(), by, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  std::string names;
  for (const std::string& dns : options.dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + dns;
  if (!names.empty()) AddExtension(certificate.get(), by, NID_subject_alt_name, names);
  if (!options.extended_key_usage.empty()) {
    AddExtension(certificate.get(), by, NID_ext_key_usage, options.extended_key_usage);
  }
  X509_sign(certificate.get(), signer.get(), EVP_sha256());
  return certificate;
}

}  // namespace

struct TestCa::Impl {
  Key key;
  Cert certificate;
  std::string sent_with_leaves;  ///< PEM of intermediates.
};

common::Certificate Identity::certificate() const { return *common::Certificate::FromPem(certificate_pem); }

TestCa::TestCa(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TestCa::TestCa(TestCa&&) noexcept = default;
TestCa::~TestCa() = default;

TestCa::TestCa(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->key = NewKey();
  impl_->certificate = Make(name, impl_->key, nullptr, impl_->key, absl::Now() - absl::Hours(48),
                            absl::Now() + absl::Hours(48), /*ca=*/true, {});
}

TestCa TestCa::Intermediate(const std::string& name) const {
  auto impl = std::make_unique<Impl>();
  impl->key = NewKey();
  impl->certificate = Make(name, impl->key, impl_->certificate.get(), impl_->key, absl::Now() - absl::Hours(48),
                           absl::Now() + absl::Hours(48), /*ca=*/true, {});
  impl->sent_with_leaves = PemOf(impl->certificate) + impl_->sent_with_leaves;
  return TestCa(std::move(impl));
}

Identity TestCa::Issue(const LeafOptions& options) const {
  const Key key = NewKey();
  const Cert leaf = Make(options.common_name, key, impl_->certificate.get(), impl_->key, options.not_before,
                         options.not_after, /*ca=*/false, options);
  return {PemOf(leaf) + impl_->sent_with_leaves, PemOf(key)};
}

Identity TestCa::Forge(const LeafOptions& options) const {
  const Key key = NewKey();
  const Cert leaf = Make(options.common_name, key, impl_->certificate.get(), NewKey(), options.not_before,
                         options.not_after, /*ca=*/false, options);
  return {PemOf(leaf), PemOf(key)};
}

std::string TestCa::pem() const { return PemOf(impl_->certificate); }
EVP_PKEY* TestCa::key() const { return impl_->key.get(); }
common::Certificate TestCa::certificate() const { return common::Certificate::FromX509(impl_->certificate.get()); }

Identity SelfSigned(const LeafOptions& options) {
  const Key key = NewKey();
  const Cert leaf = Make(options.common_name, key, nullptr, key, options.not_before, options.not_after, false, options);
  return {PemOf(leaf), PemOf(key)};
}

}  // namespace henb::keydist::test
