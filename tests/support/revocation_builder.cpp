#include "tests/support/revocation_builder.h"

#include <openssl/ocsp.h>

#include "absl/strings/ascii.h"
#include "common/status.h"

namespace henb::tests {
namespace {

using Crl = std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)>;
using Time = std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)>;
using GeneralizedTime = std::unique_ptr<ASN1_GENERALIZEDTIME, decltype(&ASN1_GENERALIZEDTIME_free)>;
using Integer = std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)>;
using Basic = std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)>;
using Response = std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)>;
using Request = std::unique_ptr<OCSP_REQUEST, decltype(&OCSP_REQUEST_free)>;
using CertId = std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)>;

absl::Status Failed(const std::string& what) {
  return absl::InvalidArgumentError(common::StrCat(what, ": ", common::DrainOpensslErrors()));
}

Time TimeOf(absl::Time time) { return {ASN1_TIME_set(nullptr, absl::ToTimeT(time)), ASN1_TIME_free}; }

Integer SerialOf(const std::string& hex) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, hex.c_str());
  Integer out(BN_to_ASN1_INTEGER(number, nullptr), ASN1_INTEGER_free);
  BN_free(number);
  return out;
}

OpensslPtr<X509_EXTENSION> CriticalExtension(const std::string& oid) {
  const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> object(OBJ_txt2obj(oid.c_str(), 1), ASN1_OBJECT_free);
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> value(ASN1_OCTET_STRING_new(),
                                                                                    ASN1_OCTET_STRING_free);
  const unsigned char null[] = {5, 0};
  ASN1_OCTET_STRING_set(value.get(), null, sizeof null);
  return OpensslPtr<X509_EXTENSION>(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 1, value.get()));
}

absl::Status AddEntries(const ListSpec& spec, X509_CRL* list) {
  for (const std::string& serial : spec.revoked) {
    X509_REVOKED* entry = X509_REVOKED_new();
    const Integer number = SerialOf(serial);
    const Time when = TimeOf(spec.this_update);
    if (number == nullptr || X509_REVOKED_set_serialNumber(entry, number.get()) != 1 ||
        X509_REVOKED_set_revocationDate(entry, when.get()) != 1) {
      X509_REVOKED_free(entry);
      return Failed("entry");
    }
    if (!spec.entry_extension.empty() && &serial == &spec.revoked.front()) {
      X509_REVOKED_add_ext(entry, CriticalExtension(spec.entry_extension).get(), -1);
    }
    if (X509_CRL_add0_revoked(list, entry) != 1) return Failed("entry");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> BuildList(const ListSpec& spec, const common::Certificate& issuer, EVP_PKEY* issuer_key) {
  const Crl list(X509_CRL_new(), X509_CRL_free);
  if (spec.version_2) X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get()));
  X509_CRL_set1_lastUpdate(list.get(), TimeOf(spec.this_update).get());
  if (spec.next_update != absl::InfinitePast()) {
    X509_CRL_set1_nextUpdate(list.get(), TimeOf(spec.next_update).get());
  }
  if (spec.number >= 0) {
    const Integer number(ASN1_INTEGER_new(), ASN1_INTEGER_free);
    ASN1_INTEGER_set(number.get(), spec.number);
    if (X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, 0) != 1) return Failed("cRLNumber");
  }
  if (spec.list_extension == "delta") {
    const Integer base(ASN1_INTEGER_new(), ASN1_INTEGER_free);
    ASN1_INTEGER_set(base.get(), 1);
    X509_CRL_add1_ext_i2d(list.get(), NID_delta_crl, base.get(), 1, 0);
  } else if (!spec.list_extension.empty()) {
    X509_CRL_add_ext(list.get(), CriticalExtension(spec.list_extension).get(), -1);
  }
  RETURN_IF_ERROR(AddEntries(spec, list.get()));
  X509_CRL_sort(list.get());
  const EVP_MD* digest = EVP_get_digestbyname(spec.digest.c_str());
  if (digest == nullptr || X509_CRL_sign(list.get(), issuer_key, digest) == 0) return Failed("signing");
  unsigned char* der = nullptr;
  const int size = i2d_X509_CRL(list.get(), &der);
  if (size < 0) return Failed("encoding");
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<std::string> BuildOcspAnswer(const OcspSpec& spec, const common::Certificate& issuer,
                                            const std::string& serial, const common::Certificate& signer,
                                            EVP_PKEY* signer_key) {
  const Basic basic(OCSP_BASICRESP_new(), OCSP_BASICRESP_free);
  const Integer number = SerialOf(serial);
  const CertId id(OCSP_cert_id_new(spec.sha1_id ? EVP_sha1() : EVP_sha256(), X509_get_subject_name(issuer.get()),
                                   X509_get0_pubkey_bitstr(issuer.get()), number.get()),
                  OCSP_CERTID_free);
  const GeneralizedTime made(ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(spec.this_update)),
                             ASN1_GENERALIZEDTIME_free);
  const GeneralizedTime next(spec.next_update == absl::InfinitePast()
                                 ? nullptr
                                 : ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(spec.next_update)),
                             ASN1_GENERALIZEDTIME_free);
  const bool revoked = spec.status == OcspSpec::Status::kRevoked;
  const int status = revoked                                     ? V_OCSP_CERTSTATUS_REVOKED
                     : spec.status == OcspSpec::Status::kUnknown ? V_OCSP_CERTSTATUS_UNKNOWN
                                                                 : V_OCSP_CERTSTATUS_GOOD;
  if (OCSP_basic_add1_status(basic.get(), id.get(), status, revoked ? OCSP_REVOKED_STATUS_KEYCOMPROMISE : 0,
                             revoked ? made.get() : nullptr, made.get(), next.get()) == nullptr) {
    return Failed("status");
  }
  if (!spec.nonce.empty()) {
    std::string nonce = spec.nonce;
    OCSP_basic_add1_nonce(basic.get(), reinterpret_cast<unsigned char*>(nonce.data()), static_cast<int>(nonce.size()));
  }
  const EVP_MD* digest = EVP_get_digestbyname(spec.digest.c_str());
  if (digest == nullptr || OCSP_basic_sign(basic.get(), signer.get(), signer_key, digest, nullptr, 0) != 1) {
    return Failed("signing");
  }
  const Response response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()), OCSP_RESPONSE_free);
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &der);
  if (size < 0) return Failed("encoding");
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<std::string> ReadOcspRequest(std::string_view der, std::string* serial) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Request request(d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size())), OCSP_REQUEST_free);
  if (request == nullptr || OCSP_request_onereq_count(request.get()) != 1) return Failed("request");
  ASN1_INTEGER* number = nullptr;
  OCSP_id_get0_info(nullptr, nullptr, nullptr, &number,
                    OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), 0)));
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> value(ASN1_INTEGER_to_BN(number, nullptr), BN_free);
  char* hex = BN_bn2hex(value.get());
  *serial = absl::AsciiStrToLower(hex);
  OPENSSL_free(hex);
  const int nonce_at = OCSP_REQUEST_get_ext_by_NID(request.get(), NID_id_pkix_OCSP_Nonce, -1);
  if (nonce_at < 0) return "";
  const ASN1_OCTET_STRING* value_der = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request.get(), nonce_at));
  // An OCTET STRING of less than 128 octets.
  const std::string nonce(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value_der)),
                          static_cast<std::size_t>(ASN1_STRING_length(value_der)));
  return nonce.size() > 2 ? nonce.substr(2) : "";
}

}  // namespace henb::tests
