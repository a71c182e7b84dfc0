#include "henb-x2sec/enrol/certificate_check.h"

#include <openssl/cmp.h>

#include <set>

#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/pki_message.h"

namespace henb::x2sec::enrol {
namespace {

constexpr char kIpsecIke[] = "1.3.6.1.5.5.7.3.17";
constexpr char kIkeIntermediate[] = "1.3.6.1.5.5.8.2.2";

Rejection Because(std::string_view event, int fail_info, std::string_view text) {
  return {event::Error(absl::StatusCode::kFailedPrecondition, event, text), fail_info};
}

std::set<std::string> ExtendedUsages(X509* x509) {
  std::set<std::string> out;
  const std::unique_ptr<EXTENDED_KEY_USAGE, decltype(&EXTENDED_KEY_USAGE_free)> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x509, NID_ext_key_usage, nullptr, nullptr)),
      EXTENDED_KEY_USAGE_free);
  for (int i = 0; usages != nullptr && i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    char text[128];
    OBJ_obj2txt(text, sizeof text, sk_ASN1_OBJECT_value(usages.get(), i), 1);
    out.insert(text);
  }
  return out;
}

bool UsageFitsIke(const common::Certificate& certificate) {
  X509* x509 = certificate.get();
  if (X509_check_ca(x509) != 0) return false;
  if ((X509_get_extension_flags(x509) & EXFLAG_INVALID) != 0) return false;
  if ((X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE) == 0) return false;
  if ((X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) == 0) return true;
  const std::set<std::string> usages = ExtendedUsages(x509);
  const bool tls = usages.contains("1.3.6.1.5.5.7.3.1") && usages.contains("1.3.6.1.5.5.7.3.2");
  return tls || usages.contains(kIpsecIke) || usages.contains(kIkeIntermediate) || usages.contains("2.5.29.37.0");
}

/// Exactly one name in the SAN, a dNSName, and that one: another name would be another identity.
bool NamesOnly(const common::Certificate& certificate, const common::HenbId& identity) {
  const OpensslPtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr || sk_GENERAL_NAME_num(names.get()) != 1) return false;
  const absl::StatusOr<common::HenbId> found = certificate.Identity();
  return found.ok() && *found == identity;
}

}  // namespace

OpensslPtr<X509_STORE> TrustStore(const std::vector<common::Certificate>& roots, absl::Time now) {
  OpensslPtr<X509_STORE> store(X509_STORE_new());
  for (const common::Certificate& root : roots) X509_STORE_add_cert(store.get(), root.get());
  X509_VERIFY_PARAM* parameters = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_STORE_set_flags(store.get(), X509_V_FLAG_USE_CHECK_TIME);
  return store;
}

absl::StatusOr<CertifiedPath> FindPath(const common::Certificate& certificate,
                                       const std::vector<common::Certificate>& untrusted,
                                       const std::vector<common::Certificate>& roots, absl::Time now) {
  std::vector<common::Certificate> candidates;
  for (const common::Certificate& each : untrusted) {
    if (!each.is_self_issued()) candidates.push_back(each);
  }
  const OpensslPtr<X509_STORE> store = TrustStore(roots, now);
  const OpensslPtr<STACK_OF(X509)> stack = StackOf(candidates);
  const OpensslPtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), stack.get()) != 1) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  if (X509_verify_cert(context.get()) != 1) {
    (void)common::DrainOpensslErrors();
    return absl::FailedPreconditionError(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
  }
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  const int size = sk_X509_num(chain);
  CertifiedPath out{certificate, {}, common::Certificate::FromX509(sk_X509_value(chain, size - 1))};
  for (int i = 1; i < size - 1; ++i)
    out.intermediates.push_back(common::Certificate::FromX509(sk_X509_value(chain, i)));
  return out;
}

absl::Status CheckExactPath(const std::vector<common::Certificate>& path, absl::Time now) {
  if (path.size() < 2) return absl::FailedPreconditionError("no path");
  ASSIGN_OR_RETURN(const CertifiedPath found,
                   FindPath(path.front(), {path.begin() + 1, path.end() - 1}, {path.back()}, now));
  // A shorter way to the anchor than the one that was meant would be no proof of it.
  const bool same = found.intermediates.size() + 2 == path.size();
  return same ? absl::OkStatus() : absl::FailedPreconditionError("the path is not the one that was meant");
}

std::optional<CertifiedPath> CheckIssuedCertificate(const common::Certificate& certificate,
                                                    const std::vector<common::Certificate>& untrusted,
                                                    const CertificateTerms& terms, Rejection* rejection) {
  using common::StrCat;
  const auto reject = [&](std::string_view event, int fail_info, std::string_view text) {
    *rejection = Because(event, fail_info, text);
    return std::nullopt;
  };
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr || EVP_PKEY_eq(key, terms.key) != 1) {
    (void)common::DrainOpensslErrors();
    return reject(event::kOtherKey, OSSL_CMP_PKIFAILUREINFO_incorrectData, "the certificate is for another key");
  }
  if (X509_NAME_cmp(X509_get_subject_name(certificate.get()), terms.subject) != 0) {
    return reject(
        event::kOtherSubject, OSSL_CMP_PKIFAILUREINFO_incorrectData,
        StrCat("the certificate's subject is ", common::Quoted(certificate.subject()), ", which was not asked for"));
  }
  if (!NamesOnly(certificate, terms.identity)) {
    return reject(event::kOtherIdentity, OSSL_CMP_PKIFAILUREINFO_incorrectData,
                  StrCat("the certificate's SAN is not dNSName ", terms.identity.str(), " alone"));
  }
  if (terms.now < certificate.not_before() || terms.now >= certificate.not_after()) {
    return reject(event::kNotValidNow, OSSL_CMP_PKIFAILUREINFO_badTime,
                  StrCat("the certificate is valid from ", absl::FormatTime(certificate.not_before()), " to ",
                         absl::FormatTime(certificate.not_after())));
  }
  if (!UsageFitsIke(certificate)) {
    return reject(event::kWrongUsage, OSSL_CMP_PKIFAILUREINFO_incorrectData,
                  "the certificate is not one for IKE's end entities");
  }
  if (!IsStrongSignature(X509_get_signature_nid(certificate.get()))) {
    return reject(event::kWeakSignature, OSSL_CMP_PKIFAILUREINFO_badAlg,
                  StrCat("the certificate is signed with ", OBJ_nid2ln(X509_get_signature_nid(certificate.get()))));
  }
  absl::StatusOr<CertifiedPath> path = FindPath(certificate, untrusted, terms.roots, terms.now);
  if (!path.ok()) {
    return reject(event::kUntrustedPath, OSSL_CMP_PKIFAILUREINFO_signerNotTrusted,
                  StrCat("no path to the operator's root: ", path.status().message()));
  }
  return std::move(path).value();
}

}  // namespace henb::x2sec::enrol
