#include "henb-x2sec/revocation/ocsp_answer.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "common/status.h"
#include "henb-x2sec/revocation/issuer_id.h"
#include "henb-x2sec/revocation/openssl_ptr.h"

namespace henb::x2sec::revocation {
namespace {

using common::Certificate;
using common::StrCat;

constexpr std::size_t kNonceOctets = 32;

OpensslPtr<OCSP_CERTID> IdOf(const Certificate& issuer, const std::string& serial, const EVP_MD* digest) {
  BIGNUM* parsed = nullptr;
  const int digits = BN_hex2bn(&parsed, serial.c_str());
  const OpensslPtr<BIGNUM> number(parsed);
  if (digits <= 0 || static_cast<std::size_t>(digits) != serial.size()) return nullptr;
  const OpensslPtr<ASN1_INTEGER> integer(BN_to_ASN1_INTEGER(number.get(), nullptr));
  return OpensslPtr<OCSP_CERTID>(OCSP_cert_id_new(digest, X509_get_subject_name(issuer.get()),
                                                  X509_get0_pubkey_bitstr(issuer.get()), integer.get()));
}

/// The issuer alone is trusted; its own issuer is not asked.
absl::Status CheckSigner(OCSP_BASICRESP* answer, const Certificate& issuer, absl::Time now) {
  const X509_ALGOR* algorithm = OCSP_resp_get0_tbs_sigalg(answer);
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
  if (!SignedWithSha2(OBJ_obj2nid(oid))) return absl::InvalidArgumentError("is not signed with SHA-2");
  const OpensslPtr<X509_STORE> store(X509_STORE_new());
  if (store == nullptr || X509_STORE_add_cert(store.get(), issuer.get()) != 1) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);  // 112 bits, no SHA-1.
  // The issuer is given as a certificate too: an answer that it signs itself need not carry it.
  STACK_OF(X509)* known = sk_X509_new_null();
  sk_X509_push(known, issuer.get());
  const bool verified = OCSP_basic_verify(answer, known, store.get(), OCSP_NOEXPLICIT) == 1;
  sk_X509_free(known);
  if (verified) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("its signer is not the issuer's: ", common::DrainOpensslErrors()));
}

absl::Status CheckNonce(OCSP_BASICRESP* answer, std::string_view nonce, bool required) {
  const int at = OCSP_BASICRESP_get_ext_by_NID(answer, NID_id_pkix_OCSP_Nonce, -1);
  if (at < 0) {
    return required ? absl::InvalidArgumentError("has no nonce") : absl::OkStatus();
  }
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(answer, at));
  const std::string_view octets(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                static_cast<std::size_t>(ASN1_STRING_length(value)));
  // The extension's value is an OCTET STRING (RFC 9654 §2.1); responders of RFC 2560 put the bare octets.
  const bool wrapped = octets.size() == nonce.size() + 2 && octets[0] == '\x04' &&
                       static_cast<unsigned char>(octets[1]) == nonce.size() && octets.substr(2) == nonce;
  if (wrapped || octets == nonce) return absl::OkStatus();
  return absl::InvalidArgumentError("has another nonce than the question");
}

absl::Status CheckExtensions(OCSP_BASICRESP* answer, OCSP_SINGLERESP* single) {
  for (int i = 0; i < OCSP_BASICRESP_get_ext_count(answer); ++i) {
    X509_EXTENSION* extension = OCSP_BASICRESP_get_ext(answer, i);
    const bool known = OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_id_pkix_OCSP_Nonce;
    if (X509_EXTENSION_get_critical(extension) != 0 && !known) {
      return absl::InvalidArgumentError("has a critical extension that is not known");
    }
  }
  for (int i = 0; i < OCSP_SINGLERESP_get_ext_count(single); ++i) {
    if (X509_EXTENSION_get_critical(OCSP_SINGLERESP_get_ext(single, i)) != 0) {
      return absl::InvalidArgumentError("has a critical extension that is not known");
    }
  }
  return absl::OkStatus();
}

/// The one answer about this certificate, in whichever of the two digests the responder names it.
OCSP_SINGLERESP* FindSingle(OCSP_BASICRESP* answer, const Certificate& issuer, const std::string& serial) {
  for (const EVP_MD* digest : {EVP_sha256(), EVP_sha1()}) {
    const OpensslPtr<OCSP_CERTID> id = IdOf(issuer, serial, digest);
    const int at = id == nullptr ? -1 : OCSP_resp_find(answer, id.get(), -1);
    if (at >= 0) return OCSP_resp_get0(answer, at);
  }
  return nullptr;
}

Verdict VerdictOf(int status) {
  if (status == V_OCSP_CERTSTATUS_GOOD) return Verdict::kGood;
  if (status == V_OCSP_CERTSTATUS_REVOKED) return Verdict::kRevoked;
  return Verdict::kUnknown;
}

}  // namespace

absl::StatusOr<OcspQuestion> AskAbout(const Certificate& issuer, const std::string& serial, common::Random& random) {
  OpensslPtr<OCSP_CERTID> id = IdOf(issuer, serial, EVP_sha256());
  if (id == nullptr) return absl::InvalidArgumentError(StrCat(common::Quoted(serial), " is not a serial number"));
  const OpensslPtr<OCSP_REQUEST> request(OCSP_REQUEST_new());
  std::array<std::uint8_t, kNonceOctets> octets{};
  random.Fill(octets);
  if (request == nullptr || OCSP_request_add0_id(request.get(), id.get()) == nullptr) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  static_cast<void>(id.release());  // the request's now
  if (OCSP_request_add1_nonce(request.get(), octets.data(), static_cast<int>(octets.size())) != 1) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_REQUEST(request.get(), &der);
  if (size < 0) return absl::InternalError(common::DrainOpensslErrors());
  OcspQuestion out{.der = std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)),
                   .nonce = std::string(octets.begin(), octets.end())};
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<OcspAnswer> VerifyOcspAnswer(std::string_view der, const Certificate& issuer, const std::string& serial,
                                            std::string_view nonce, absl::Time now, const OcspLimits& limits) {
  if (der.size() > limits.most_octets) {
    return absl::ResourceExhaustedError(StrCat("has more than ", limits.most_octets, " octets"));
  }
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = begin;
  const OpensslPtr<OCSP_RESPONSE> response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (response == nullptr || at != begin + der.size()) {
    return absl::InvalidArgumentError(StrCat("is not an OCSP answer: ", common::DrainOpensslErrors()));
  }
  if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return absl::UnavailableError(StrCat("the responder says ", OCSP_response_status_str(status)));
  }
  const OpensslPtr<OCSP_BASICRESP> answer(OCSP_response_get1_basic(response.get()));
  if (answer == nullptr) {
    return absl::InvalidArgumentError(StrCat("is not a basic OCSP answer: ", common::DrainOpensslErrors()));
  }
  RETURN_IF_ERROR(CheckSigner(answer.get(), issuer, now));
  RETURN_IF_ERROR(CheckNonce(answer.get(), nonce, limits.nonce_required));
  OCSP_SINGLERESP* single = FindSingle(answer.get(), issuer, serial);
  if (single == nullptr) return absl::InvalidArgumentError("is about another certificate");
  RETURN_IF_ERROR(CheckExtensions(answer.get(), single));
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int status = OCSP_single_get0_status(single, nullptr, nullptr, &this_update, &next_update);
  const OcspAnswer out{.verdict = VerdictOf(status),
                       .this_update = TimeOf(this_update, absl::InfiniteFuture()),
                       .next_update = TimeOf(next_update, absl::InfinitePast())};
  if (out.next_update == absl::InfinitePast()) return absl::InvalidArgumentError("has no nextUpdate that can be read");
  if (out.this_update > out.next_update) return absl::InvalidArgumentError("has a nextUpdate before its thisUpdate");
  return out;
}

}  // namespace henb::x2sec::revocation
