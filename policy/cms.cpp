#include "policy/cms.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <memory>

#include "common/status.h"
#include "policy/oids.h"
#include "policy/signer_certificate.h"

namespace henb::policy {
namespace {

constexpr std::size_t kLargest = 4U << 20;
constexpr int kAuthLevel = 2;  // 112 bits: no SHA-1 or MD5 signature in the path, no RSA below 2048.

using ObjectPtr = std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, decltype(&CMS_ContentInfo_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using StorePtr = std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)>;

void FreeCertificates(STACK_OF(X509) * list) { sk_X509_pop_free(list, X509_free); }
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), decltype(&FreeCertificates)>;

absl::Status Denied(std::string_view what) {
  return absl::PermissionDeniedError(what.empty() ? "refused" : std::string(what));
}

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

/// What is signed: its name in messages, and its content type; empty: id-data.
struct Kind {
  std::string_view name;
  std::string_view content_oid;
};
constexpr Kind kPolicyKind = {"signed policy", ""};
constexpr Kind kProvisioningKind = {"provisioning data", kOidProvisioningData};

ObjectPtr ObjectOf(std::string_view oid) {
  return {OBJ_txt2obj(std::string(oid).c_str(), /*no_name=*/1), ASN1_OBJECT_free};
}

bool HasContentType(const CMS_ContentInfo* cms, const Kind& kind) {
  const ASN1_OBJECT* type = CMS_get0_eContentType(const_cast<CMS_ContentInfo*>(cms));
  if (kind.content_oid.empty()) return OBJ_obj2nid(type) == NID_pkcs7_data;
  return type != nullptr && OBJ_cmp(type, ObjectOf(kind.content_oid).get()) == 0;
}

absl::StatusOr<CmsPtr> ParseSignedData(std::string_view der, const Kind& kind) {
  const auto invalid = [&](std::string_view what) {
    return absl::InvalidArgumentError(common::StrCat(kind.name, ": ", what));
  };
  if (der.size() > kLargest) return invalid(common::StrCat("larger than ", kLargest, " octets"));
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())), CMS_ContentInfo_free);
  ERR_clear_error();
  const auto not_one = [&](std::string_view what) {
    return absl::InvalidArgumentError(common::StrCat("not ", kind.content_oid.empty() ? "a " : "", kind.name, what));
  };
  if (cms == nullptr) return not_one(" (CMS SignedData in DER)");
  if (at != end) return invalid("octets follow the CMS");
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) return not_one(": the CMS is not SignedData");
  if (CMS_is_detached(cms.get()) != 0) return invalid("detached, it must carry its content");
  if (!HasContentType(cms.get(), kind))
    return invalid("its content is of another type (is it meant for something else?)");
  return cms;
}

bool IsSha2(int nid) { return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512; }

// Digest and signature algorithm of the one signer; CMS_verify itself takes SHA-1, and signatures without attributes.
absl::StatusOr<std::string> CheckAlgorithms(CMS_SignerInfo* signer) {
  X509_ALGOR* digest = nullptr;
  X509_ALGOR* signature = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, &signature);
  const int digest_nid = OBJ_obj2nid(digest->algorithm);
  if (!IsSha2(digest_nid)) return Denied("the digest is not SHA-256, SHA-384 or SHA-512");
  const int signature_nid = OBJ_obj2nid(signature->algorithm);
  int signature_digest = NID_undef;
  int key_type = NID_undef;
  const bool combined = OBJ_find_sigid_algs(signature_nid, &signature_digest, &key_type) == 1;
  const bool fine = signature_nid == NID_rsaEncryption || (combined && signature_digest == digest_nid);
  if (!fine) return Denied("the signature algorithm is not RSA or ECDSA with the digest");
  if (CMS_signed_get_attr_count(signer) <= 0) return Denied("there are no signed attributes");
  return std::string(OBJ_nid2sn(digest_nid));
}

// What was signed is said by the signed attribute; the type beside the content is not signed (RFC 5652 §11.1).
absl::Status CheckSignedType(const CMS_ContentInfo* cms, CMS_SignerInfo* signer) {
  const auto* type = static_cast<const ASN1_OBJECT*>(
      CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT));
  ERR_clear_error();
  if (type != nullptr && OBJ_cmp(type, CMS_get0_eContentType(const_cast<CMS_ContentInfo*>(cms))) == 0)
    return absl::OkStatus();
  return Denied("the signed content type is another one, or missing");
}

absl::Status CheckPath(X509* certificate, STACK_OF(X509) * untrusted, const SignatureExpectation& expected) {
  const StorePtr store(X509_STORE_new(), X509_STORE_free);
  for (const common::Certificate& root : expected.vendor_roots) X509_STORE_add_cert(store.get(), root.get());
  const StoreContextPtr context(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  if (store == nullptr || context == nullptr ||
      X509_STORE_CTX_init(context.get(), store.get(), certificate, untrusted) != 1) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);  // The purpose is ours: ReadSignerAuthority.
  X509_VERIFY_PARAM_set_auth_level(param, kAuthLevel);
  if (expected.check_time) {
    X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(expected.now));
  } else {
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
  }
  const bool good = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good && error == X509_V_OK) return absl::OkStatus();
  return Denied(common::StrCat("the signer's certificate has no valid path to the vendor root: ",
                               X509_verify_cert_error_string(error)));
}

absl::StatusOr<SignerInfo> CheckAuthority(X509* x509, const SignatureExpectation& expected, bool any_operator) {
  const auto certificate = common::Certificate::FromX509(x509);
  ASSIGN_OR_RETURN(const SignerAuthority authority, ReadSignerAuthority(certificate));
  SignerInfo info;
  info.subject = certificate.subject();
  info.serial_hex = certificate.serial_hex();
  info.operator_name = authority.operator_name;
  info.not_after = certificate.not_after();
  bool listed = false;
  for (const IdPattern& pattern : authority.devices) {
    info.devices.push_back(pattern.ToString());
    listed = listed || pattern.Matches(expected.device);
  }
  if (expected.operator_name.empty() && !any_operator)
    return Denied("this device has not been provisioned for an operator");
  if (!expected.operator_name.empty() && authority.operator_name != expected.operator_name) {
    return Denied(common::StrCat("the signer is of operator ", common::Quoted(authority.operator_name), ", not ",
                                 common::Quoted(expected.operator_name)));
  }
  if (!listed) {
    return Denied(common::StrCat("the signer may not configure ", common::Quoted(expected.device.str())));
  }
  return info;
}

/// Both kinds: what a VerifiedPolicy has. Messages without the kind's name.
absl::StatusOr<VerifiedPolicy> VerifyParsed(CMS_ContentInfo* cms, const SignatureExpectation& expected,
                                            bool any_operator) {
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms);
  if (signers == nullptr || sk_CMS_SignerInfo_num(signers) != 1) {
    return Denied(common::StrCat("has ", std::max(0, sk_CMS_SignerInfo_num(signers)), " signers, not exactly one"));
  }
  CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(signers, 0);
  ASSIGN_OR_RETURN(const std::string digest, CheckAlgorithms(signer));
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  if (CMS_verify(cms, nullptr, nullptr, nullptr, out.get(), CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1) {
    return Denied(common::StrCat("the signature does not hold: ", common::DrainOpensslErrors()));
  }
  RETURN_IF_ERROR(CheckSignedType(cms, signer));
  X509* certificate = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, &certificate, nullptr, nullptr);
  if (certificate == nullptr) return Denied("the signer's certificate is missing");
  const CertificatesPtr untrusted(CMS_get1_certs(cms), FreeCertificates);
  RETURN_IF_ERROR(CheckPath(certificate, untrusted.get(), expected));
  VerifiedPolicy verified;
  ASSIGN_OR_RETURN(verified.signer, CheckAuthority(certificate, expected, any_operator));
  verified.signer.digest = digest;
  verified.json = Content(out.get());
  return verified;
}

absl::StatusOr<std::string> Encoded(CMS_ContentInfo* cms) {
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  if (i2d_CMS_bio(out.get(), cms) != 1) return absl::InternalError(common::DrainOpensslErrors());
  return Content(out.get());
}

absl::StatusOr<KeyPtr> ReadKey(const common::SecretBytes& key_pem, const common::Certificate& signer) {
  const BioPtr key_bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), BIO_free);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError("the key is not a PEM private key without a passphrase");
  if (X509_check_private_key(signer.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("key and certificate do not belong together");
  }
  return key;
}

absl::StatusOr<std::string> Sign(const Kind& kind, std::string_view json, const common::Certificate& signer,
                                 const common::SecretBytes& key_pem, const std::vector<common::Certificate>& chain,
                                 std::string_view credential) {
  const auto authority = ReadSignerAuthority(signer);
  if (!authority.ok()) return absl::InvalidArgumentError(authority.status().message());
  ASSIGN_OR_RETURN(const KeyPtr key, ReadKey(key_pem, signer));
  const BioPtr data(BIO_new_mem_buf(json.data(), static_cast<int>(json.size())), BIO_free);
  const CertificatesPtr intermediates(sk_X509_new_null(), FreeCertificates);
  for (const common::Certificate& certificate : chain) {
    if (certificate.is_self_issued()) continue;  // The device has its root.
    X509_up_ref(certificate.get());
    sk_X509_push(intermediates.get(), certificate.get());
  }
  constexpr unsigned kFlags = CMS_BINARY | CMS_NOSMIMECAP;
  const CmsPtr cms(CMS_sign(nullptr, nullptr, intermediates.get(), data.get(), kFlags | CMS_PARTIAL),
                   CMS_ContentInfo_free);
  bool made = cms != nullptr;
  if (made && !kind.content_oid.empty()) made = CMS_set1_eContentType(cms.get(), ObjectOf(kind.content_oid).get()) == 1;
  CMS_SignerInfo* info = !made ? nullptr : CMS_add1_signer(cms.get(), signer.get(), key.get(), EVP_sha256(), kFlags);
  made = info != nullptr;
  if (made && !credential.empty()) {
    made = CMS_unsigned_add1_attr_by_OBJ(info, ObjectOf(kOidEnrolmentCredential).get(), V_ASN1_OCTET_STRING,
                                         credential.data(), static_cast<int>(credential.size())) == 1;
  }
  if (!made || CMS_final(cms.get(), data.get(), nullptr, kFlags) != 1)
    return absl::InternalError(common::StrCat("signing failed: ", common::DrainOpensslErrors()));
  return Encoded(cms.get());
}

absl::StatusOr<std::string> Unverified(std::string_view cms_der, const Kind& kind) {
  ASSIGN_OR_RETURN(const CmsPtr cms, ParseSignedData(cms_der, kind));
  ASN1_OCTET_STRING** content = CMS_get0_content(cms.get());
  if (content == nullptr || *content == nullptr)
    return absl::InvalidArgumentError(common::StrCat(kind.name, ": there is no content"));
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(*content)),
                     static_cast<std::size_t>(ASN1_STRING_length(*content)));
}

CMS_SignerInfo* FirstSigner(CMS_ContentInfo* cms) {
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms);
  return sk_CMS_SignerInfo_num(signers) > 0 ? sk_CMS_SignerInfo_value(signers, 0) : nullptr;
}

}  // namespace

absl::StatusOr<VerifiedPolicy> VerifyPolicy(std::string_view cms_der, const SignatureExpectation& expected) {
  ASSIGN_OR_RETURN(const CmsPtr cms, ParseSignedData(cms_der, kPolicyKind));
  ASSIGN_OR_RETURN_CTX(VerifiedPolicy out, VerifyParsed(cms.get(), expected, false), kPolicyKind.name);
  return out;
}

absl::StatusOr<VerifiedProvisioning> VerifyProvisioning(std::string_view cms_der,
                                                        const SignatureExpectation& expected) {
  ASSIGN_OR_RETURN(const CmsPtr cms, ParseSignedData(cms_der, kProvisioningKind));
  ASSIGN_OR_RETURN_CTX(VerifiedPolicy signed_part, VerifyParsed(cms.get(), expected, true), kProvisioningKind.name);
  VerifiedProvisioning out{std::move(signed_part.json), std::move(signed_part.signer), ""};
  // -3: exactly one attribute of exactly one value; more of them is as bad as none.
  const auto* credential = static_cast<const ASN1_OCTET_STRING*>(CMS_unsigned_get0_data_by_OBJ(
      FirstSigner(cms.get()), ObjectOf(kOidEnrolmentCredential).get(), -3, V_ASN1_OCTET_STRING));
  ERR_clear_error();
  if (credential != nullptr) {
    out.credential.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(credential)),
                          static_cast<std::size_t>(ASN1_STRING_length(credential)));
  }
  return out;
}

absl::StatusOr<std::string> SignPolicy(std::string_view json, const common::Certificate& signer,
                                       const common::SecretBytes& key_pem,
                                       const std::vector<common::Certificate>& chain) {
  return Sign(kPolicyKind, json, signer, key_pem, chain, "");
}

absl::StatusOr<std::string> SignProvisioning(std::string_view json, const common::Certificate& signer,
                                             const common::SecretBytes& key_pem,
                                             const std::vector<common::Certificate>& chain,
                                             std::string_view credential) {
  return Sign(kProvisioningKind, json, signer, key_pem, chain, credential);
}

absl::StatusOr<std::string> WithoutCredential(std::string_view cms_der) {
  ASSIGN_OR_RETURN(const CmsPtr cms, ParseSignedData(cms_der, kProvisioningKind));
  CMS_SignerInfo* signer = FirstSigner(cms.get());
  if (signer == nullptr) return absl::InvalidArgumentError("provisioning data: there is no signer");
  const ObjectPtr attribute = ObjectOf(kOidEnrolmentCredential);
  for (int at = CMS_unsigned_get_attr_by_OBJ(signer, attribute.get(), -1); at >= 0;
       at = CMS_unsigned_get_attr_by_OBJ(signer, attribute.get(), -1)) {
    X509_ATTRIBUTE_free(CMS_unsigned_delete_attr(signer, at));
  }
  return Encoded(cms.get());
}

absl::StatusOr<std::string> UnverifiedContent(std::string_view cms_der) { return Unverified(cms_der, kPolicyKind); }

absl::StatusOr<std::string> UnverifiedProvisioning(std::string_view cms_der) {
  return Unverified(cms_der, kProvisioningKind);
}

bool LooksLikeDer(std::string_view octets) { return !octets.empty() && octets.front() == '\x30'; }

}  // namespace henb::policy
