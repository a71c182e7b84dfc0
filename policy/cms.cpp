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
#include "policy/signer_certificate.h"

namespace henb::policy {
namespace {

constexpr std::size_t kLargest = 4U << 20;
constexpr int kAuthLevel = 2;  // 112 bits: no SHA-1 or MD5 signature in the path, no RSA below 2048.

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

absl::StatusOr<CmsPtr> ParseSignedData(std::string_view der) {
  if (der.size() > kLargest)
    return absl::InvalidArgumentError(common::StrCat("signed policy: larger than ", kLargest, " octets"));
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())), CMS_ContentInfo_free);
  ERR_clear_error();
  if (cms == nullptr) return absl::InvalidArgumentError("not a signed policy (CMS SignedData in DER)");
  if (at != end) return absl::InvalidArgumentError("signed policy: octets follow the CMS");
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) {
    return absl::InvalidArgumentError("not a signed policy: the CMS is not SignedData");
  }
  if (CMS_is_detached(cms.get()) != 0)
    return absl::InvalidArgumentError("signed policy: detached, it must carry the policy");
  if (OBJ_obj2nid(CMS_get0_eContentType(cms.get())) != NID_pkcs7_data) {
    return absl::InvalidArgumentError("signed policy: its content is not of type data");
  }
  return cms;
}

bool IsSha2(int nid) { return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512; }

// Digest and signature algorithm of the one signer; CMS_verify itself takes SHA-1, and signatures without attributes.
absl::StatusOr<std::string> CheckAlgorithms(CMS_SignerInfo* signer) {
  X509_ALGOR* digest = nullptr;
  X509_ALGOR* signature = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, &signature);
  const int digest_nid = OBJ_obj2nid(digest->algorithm);
  if (!IsSha2(digest_nid)) return Denied("signed policy: the digest is not SHA-256, SHA-384 or SHA-512");
  const int signature_nid = OBJ_obj2nid(signature->algorithm);
  int signature_digest = NID_undef;
  int key_type = NID_undef;
  const bool combined = OBJ_find_sigid_algs(signature_nid, &signature_digest, &key_type) == 1;
  const bool fine = signature_nid == NID_rsaEncryption || (combined && signature_digest == digest_nid);
  if (!fine) return Denied("signed policy: the signature algorithm is not RSA or ECDSA with the digest");
  if (CMS_signed_get_attr_count(signer) <= 0) return Denied("signed policy: there are no signed attributes");
  return std::string(OBJ_nid2sn(digest_nid));
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
  return Denied(common::StrCat("signed policy: the signer's certificate has no valid path to the vendor root: ",
                               X509_verify_cert_error_string(error)));
}

absl::StatusOr<SignerInfo> CheckAuthority(X509* x509, const SignatureExpectation& expected) {
  const auto certificate = common::Certificate::FromX509(x509);
  ASSIGN_OR_RETURN_CTX(const SignerAuthority authority, ReadSignerAuthority(certificate), "signed policy");
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
  if (expected.operator_name.empty())
    return Denied("signed policy: this device has not been provisioned for an operator");
  if (authority.operator_name != expected.operator_name) {
    return Denied(common::StrCat("signed policy: the signer is of operator ", common::Quoted(authority.operator_name),
                                 ", not ", common::Quoted(expected.operator_name)));
  }
  if (!listed) {
    return Denied(
        common::StrCat("signed policy: the signer may not configure ", common::Quoted(expected.device.str())));
  }
  return info;
}

}  // namespace

absl::StatusOr<VerifiedPolicy> VerifyPolicy(std::string_view cms_der, const SignatureExpectation& expected) {
  ASSIGN_OR_RETURN(const CmsPtr cms, ParseSignedData(cms_der));
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms.get());
  if (signers == nullptr || sk_CMS_SignerInfo_num(signers) != 1) {
    return Denied(common::StrCat("signed policy: has ", std::max(0, sk_CMS_SignerInfo_num(signers)),
                                 " signers, not exactly one"));
  }
  CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(signers, 0);
  ASSIGN_OR_RETURN(const std::string digest, CheckAlgorithms(signer));
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  if (CMS_verify(cms.get(), nullptr, nullptr, nullptr, out.get(), CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1) {
    return Denied(common::StrCat("signed policy: the signature does not hold: ", common::DrainOpensslErrors()));
  }
  X509* certificate = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, &certificate, nullptr, nullptr);
  if (certificate == nullptr) return Denied("signed policy: the signer's certificate is missing");
  const CertificatesPtr untrusted(CMS_get1_certs(cms.get()), FreeCertificates);
  RETURN_IF_ERROR(CheckPath(certificate, untrusted.get(), expected));
  VerifiedPolicy verified;
  ASSIGN_OR_RETURN(verified.signer, CheckAuthority(certificate, expected));
  verified.signer.digest = digest;
  verified.json = Content(out.get());
  return verified;
}

absl::StatusOr<std::string> SignPolicy(std::string_view json, const common::Certificate& signer,
                                       const common::SecretBytes& key_pem,
                                       const std::vector<common::Certificate>& chain) {
  const auto authority = ReadSignerAuthority(signer);
  if (!authority.ok()) return absl::InvalidArgumentError(authority.status().message());
  const BioPtr key_bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), BIO_free);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError("the key is not a PEM private key without a passphrase");
  if (X509_check_private_key(signer.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("key and certificate do not belong together");
  }
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
  if (cms == nullptr || CMS_add1_signer(cms.get(), signer.get(), key.get(), EVP_sha256(), kFlags) == nullptr ||
      CMS_final(cms.get(), data.get(), nullptr, kFlags) != 1) {
    return absl::InternalError(common::StrCat("signing failed: ", common::DrainOpensslErrors()));
  }
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  if (i2d_CMS_bio(out.get(), cms.get()) != 1) return absl::InternalError(common::DrainOpensslErrors());
  return Content(out.get());
}

absl::StatusOr<std::string> UnverifiedContent(std::string_view cms_der) {
  ASSIGN_OR_RETURN(const CmsPtr cms, ParseSignedData(cms_der));
  ASN1_OCTET_STRING** content = CMS_get0_content(cms.get());
  if (content == nullptr || *content == nullptr)
    return absl::InvalidArgumentError("signed policy: there is no content");
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(*content)),
                     static_cast<std::size_t>(ASN1_STRING_length(*content)));
}

bool LooksLikeDer(std::string_view octets) { return !octets.empty() && octets.front() == '\x30'; }

}  // namespace henb::policy
