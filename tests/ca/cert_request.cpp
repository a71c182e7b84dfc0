#include "tests/ca/cert_request.h"

#include "common/certificate.h"
#include "common/status.h"
#include "henb-x2sec/enrol/der_reader.h"
#include "henb-x2sec/enrol/pki_message.h"

namespace henb::tests {
namespace {

using x2sec::enrol::DerElement;
using x2sec::enrol::DerReader;

/// The library has no getter for the template's key: field [6], an IMPLICIT SubjectPublicKeyInfo (RFC 4211 §5).
absl::StatusOr<OpensslPtr<EVP_PKEY>> PublicKeyOf(const OSSL_CRMF_CERTTEMPLATE* cert_template) {
  unsigned char* der = nullptr;
  const int size = i2d_OSSL_CRMF_CERTTEMPLATE(cert_template, &der);
  if (size <= 0) return absl::InvalidArgumentError("the template can't be encoded");
  const std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  DerReader outer(bytes);
  ASSIGN_OR_RETURN(const DerElement sequence, outer.Expect(DerElement::kSequence));
  DerReader fields(sequence.contents);
  while (!fields.at_end()) {
    ASSIGN_OR_RETURN(const DerElement field, fields.Next());
    if (field.tag != DerElement::Context(6)) continue;
    std::string spki(field.whole);
    spki[0] = DerElement::kSequence;
    const auto* at = reinterpret_cast<const unsigned char*>(spki.data());
    OpensslPtr<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
    if (key == nullptr) return absl::InvalidArgumentError(common::DrainOpensslErrors());
    return key;
  }
  return absl::InvalidArgumentError("the template has no public key");
}

std::vector<std::string> DnsNamesOf(const X509_EXTENSIONS* extensions) {
  std::vector<std::string> out;
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                     static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  return out;
}

std::string TextOf(const X509_NAME* name) {
  char* text = X509_NAME_oneline(name, nullptr, 0);
  std::string out = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return out;
}

}  // namespace

absl::StatusOr<CertRequest> ReadCertRequest(const OSSL_CRMF_MSG* message) {
  const OSSL_CRMF_CERTTEMPLATE* cert_template = OSSL_CRMF_MSG_get0_tmpl(message);
  const X509_NAME* subject = OSSL_CRMF_CERTTEMPLATE_get0_subject(cert_template);
  if (subject == nullptr) return absl::InvalidArgumentError("the template has no subject");
  CertRequest out;
  out.subject = TextOf(subject);
  out.dns_names = DnsNamesOf(OSSL_CRMF_CERTTEMPLATE_get0_extensions(cert_template));
  ASSIGN_OR_RETURN(out.public_key, PublicKeyOf(cert_template));
  return out;
}

absl::StatusOr<CertRequest> ReadPkcs10(const X509_REQ* request) {
  if (!x2sec::enrol::IsStrongSignature(X509_REQ_get_signature_nid(request))) {
    return absl::InvalidArgumentError("the PKCS#10 is not signed with SHA-2");
  }
  // X509_REQ_verify and its like take no const.
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> copy(X509_REQ_dup(request), X509_REQ_free);
  CertRequest out;
  out.public_key.reset(X509_REQ_get_pubkey(copy.get()));
  if (out.public_key == nullptr || X509_REQ_verify(copy.get(), out.public_key.get()) != 1) {
    return absl::InvalidArgumentError(common::StrCat("the PKCS#10 is not by its key: ", common::DrainOpensslErrors()));
  }
  out.subject = TextOf(X509_REQ_get_subject_name(copy.get()));
  const std::unique_ptr<STACK_OF(X509_EXTENSION), void (*)(STACK_OF(X509_EXTENSION)*)> extensions(
      X509_REQ_get_extensions(copy.get()),
      [](STACK_OF(X509_EXTENSION) * each) { sk_X509_EXTENSION_pop_free(each, X509_EXTENSION_free); });
  out.dns_names = DnsNamesOf(extensions.get());
  return out;
}

}  // namespace henb::tests
