#include "tests/unit/policy/test_pki.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdexcept>

#include "common/strings.h"
#include "policy/oids.h"

namespace henb::policy::test {
namespace {

void Require(bool good) {
  if (!good) throw std::runtime_error(common::DrainOpensslErrors());
}

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

void AddExtension(X509* certificate, X509* issuer, const std::string& name, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  X509_EXTENSION* extension = X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str());
  Require(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string DerString(const std::string& text) {
  return common::StrCat("\x0c", std::string(1, static_cast<char>(text.size())), text);
}

std::string DevicesDer(const std::vector<std::string>& devices) {
  std::string inner;
  for (const std::string& device : devices) inner += DerString(device);
  return common::StrCat("\x30", std::string(1, static_cast<char>(inner.size())), inner);
}

void AddExtensions(const CertificateWish& wish, X509* certificate, X509* issuer) {
  AddExtension(certificate, issuer, "basicConstraints", wish.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(certificate, issuer, "subjectKeyIdentifier", "hash");
  AddExtension(certificate, issuer, "keyUsage", wish.ca ? "critical,keyCertSign,cRLSign" : wish.key_usage);
  if (wish.ca) return;
  std::vector<std::string> ekus = wish.other_ekus;
  if (wish.configuration_eku) ekus.emplace_back(kOidConfigurationSigner);
  if (!ekus.empty()) AddExtension(certificate, issuer, "extendedKeyUsage", common::Join(ekus, ","));
  std::string devices = wish.devices_value;
  if (devices.empty() && !wish.devices.empty()) devices = "DER:" + common::ToHex(DevicesDer(wish.devices));
  if (!devices.empty()) AddExtension(certificate, issuer, kOidAuthorisedDevices, devices);
  if (!wish.operator_name.empty()) {
    AddExtension(certificate, issuer, kOidOperator, "DER:" + common::ToHex(DerString(wish.operator_name)));
  }
  if (!wish.dns.empty()) AddExtension(certificate, issuer, "subjectAltName", "DNS:" + wish.dns);
}

}  // namespace

common::SecretBytes Holder::KeyPem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  auto out = common::SecretBytes::CopyOf(std::string_view(Content(bio)));
  BIO_free(bio);
  return out;
}

Holder Issue(const CertificateWish& wish, const Holder* issuer) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint32_t serial = 0;
  Require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial + 1ULL);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(wish.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(wish.not_after));
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  X509* above = issuer == nullptr ? certificate.get() : issuer->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(above));
  AddExtensions(wish, certificate.get(), above);
  EVP_PKEY* signing = issuer == nullptr ? key.get() : issuer->key.get();
  Require(X509_sign(certificate.get(), signing, wish.sha1 ? EVP_sha1() : EVP_sha256()) > 0);
  return {common::Certificate::FromX509(certificate.get()), key};
}

Holder MakeRoot(const std::string& name) {
  CertificateWish wish;
  wish.name = name;
  wish.ca = true;
  return Issue(wish, nullptr);
}

std::string SignCms(std::string_view content, const Holder& signer, const SignWish& wish) {
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (const common::Certificate& certificate : wish.chain) sk_X509_push(chain, certificate.get());
  BIO* data = BIO_new_mem_buf(content.data(), static_cast<int>(content.size()));
  unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | (wish.detached ? CMS_DETACHED : 0U);
  CMS_ContentInfo* cms = CMS_sign(nullptr, nullptr, chain, data, flags | CMS_PARTIAL);
  Require(cms != nullptr);
  if (!wish.attributes) flags |= CMS_NOATTR;
  std::vector<const Holder*> signers = {&signer};
  signers.insert(signers.end(), wish.more_signers.begin(), wish.more_signers.end());
  for (const Holder* one : signers) {
    Require(CMS_add1_signer(cms, one->certificate.get(), one->key.get(), EVP_get_digestbyname(wish.digest), flags) !=
            nullptr);
  }
  Require(CMS_final(cms, data, nullptr, flags) == 1);
  BIO* out = BIO_new(BIO_s_mem());
  Require(i2d_CMS_bio(out, cms) == 1);
  std::string der = Content(out);
  BIO_free(out);
  BIO_free(data);
  CMS_ContentInfo_free(cms);
  sk_X509_free(chain);
  return der;
}

}  // namespace henb::policy::test
