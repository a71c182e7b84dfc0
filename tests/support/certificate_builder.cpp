#include "tests/support/certificate_builder.h"

#include <openssl/rand.h>

#include "common/status.h"

namespace henb::tests {
namespace {

absl::Status Failed(const std::string& what) {
  return absl::InvalidArgumentError(common::StrCat(what, ": ", common::DrainOpensslErrors()));
}

absl::Status AddExtension(X509* x509, X509V3_CTX* context, int nid, const std::string& value) {
  const OpensslPtr<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(x509, extension.get(), -1) != 1)
    return Failed(common::StrCat("extension ", value));
  return absl::OkStatus();
}

absl::Status AddExtensions(const CertificateSpec& spec, X509* x509, X509* issuer) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  std::string constraints = spec.ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
  if (spec.path_length >= 0) common::StrAppend(&constraints, ",pathlen:", spec.path_length);
  RETURN_IF_ERROR(AddExtension(x509, &context, NID_basic_constraints, constraints));
  if (!spec.name_constraints.empty()) {
    RETURN_IF_ERROR(AddExtension(x509, &context, NID_name_constraints, "critical," + spec.name_constraints));
  }
  const std::string usage = !spec.key_usage.empty() ? spec.key_usage
                            : spec.ca               ? "keyCertSign,cRLSign"
                                                    : "digitalSignature";
  RETURN_IF_ERROR(AddExtension(x509, &context, NID_key_usage, "critical," + usage));
  RETURN_IF_ERROR(AddExtension(x509, &context, NID_subject_key_identifier, "hash"));
  if (issuer != x509) RETURN_IF_ERROR(AddExtension(x509, &context, NID_authority_key_identifier, "keyid:always"));
  std::vector<std::string> names;
  for (const std::string& name : spec.dns_names) names.push_back("DNS:" + name);
  if (!names.empty()) RETURN_IF_ERROR(AddExtension(x509, &context, NID_subject_alt_name, common::Join(names, ",")));
  if (!spec.extended_usages.empty()) {
    RETURN_IF_ERROR(AddExtension(x509, &context, NID_ext_key_usage, common::Join(spec.extended_usages, ",")));
  }
  return absl::OkStatus();
}

bool SetRandomSerial(X509* x509) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const OpensslPtr<BIGNUM> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) != nullptr;
}

}  // namespace

OpensslPtr<X509_NAME> ParseName(const std::string& text) {
  OpensslPtr<X509_NAME> name(X509_NAME_new());
  for (const std::string_view part : common::Split(text, '/')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return nullptr;
    const std::string type(part.substr(0, equals));
    const std::string value(part.substr(equals + 1));
    if (X509_NAME_add_entry_by_txt(name.get(), type.c_str(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()),
                                   -1, 0) != 1) {
      return nullptr;
    }
  }
  return name;
}

absl::StatusOr<common::Certificate> BuildCertificate(const CertificateSpec& spec, EVP_PKEY* public_key,
                                                     const common::Certificate* issuer, EVP_PKEY* issuer_key) {
  const OpensslPtr<X509> x509(X509_new());
  const OpensslPtr<X509_NAME> subject = ParseName(spec.subject);
  if (subject == nullptr) return Failed(common::StrCat("subject ", spec.subject));
  X509* signer = issuer == nullptr ? x509.get() : issuer->get();
  if (X509_set_version(x509.get(), X509_VERSION_3) != 1 || !SetRandomSerial(x509.get()) ||
      X509_set_subject_name(x509.get(), subject.get()) != 1 || X509_set_pubkey(x509.get(), public_key) != 1 ||
      X509_set_issuer_name(x509.get(), X509_get_subject_name(signer)) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(x509.get()), absl::ToTimeT(spec.not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x509.get()), absl::ToTimeT(spec.not_after)) == nullptr) {
    return Failed("certificate fields");
  }
  RETURN_IF_ERROR(AddExtensions(spec, x509.get(), signer));
  const EVP_MD* digest = EVP_get_digestbyname(spec.digest.c_str());
  if (digest == nullptr || X509_sign(x509.get(), issuer_key, digest) == 0) return Failed("signing");
  return common::Certificate::FromX509(x509.get());
}

}  // namespace henb::tests
