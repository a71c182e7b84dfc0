#include "henb-x2sec/ocspd/responder.h"

#include <openssl/err.h>

#include "common/strings.h"
#include "henb-x2sec/revocation/issuer_id.h"
#include "henb-x2sec/revocation/openssl_ptr.h"

namespace henb::x2sec::ocspd {
namespace {

using revocation::OpensslPtr;
using revocation::Verdict;

constexpr absl::Duration kValidFor = absl::Seconds(10);
// A clock that is set back a little between question and answer must not make the answer one of the future.
constexpr absl::Duration kMadeBefore = absl::Seconds(60);

struct GeneralizedTime {
  explicit GeneralizedTime(absl::Time time) : value(ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(time))) {}
  ~GeneralizedTime() { ASN1_GENERALIZEDTIME_free(value); }
  GeneralizedTime(const GeneralizedTime&) = delete;
  GeneralizedTime& operator=(const GeneralizedTime&) = delete;
  ASN1_GENERALIZEDTIME* value;
};

std::string Encoded(int status, OCSP_BASICRESP* basic) {
  const OpensslPtr<OCSP_RESPONSE> response(OCSP_response_create(status, basic));
  unsigned char* der = nullptr;
  const int size = response == nullptr ? -1 : i2d_OCSP_RESPONSE(response.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size < 0 ? 0 : size));
  OPENSSL_free(der);
  ERR_clear_error();
  return out;
}

std::string Hex(const ASN1_OCTET_STRING* text) {
  return common::ToHex(
      {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<std::size_t>(ASN1_STRING_length(text))});
}

/// False for a certificate that is named by another digest than SHA-1 and SHA-256.
bool ReadSubject(OCSP_CERTID* id, revocation::Subject* subject) {
  ASN1_OCTET_STRING* name = nullptr;
  ASN1_OBJECT* digest = nullptr;
  ASN1_OCTET_STRING* key = nullptr;
  ASN1_INTEGER* serial = nullptr;
  if (OCSP_id_get0_info(&name, &digest, &key, &serial, id) != 1) return false;
  const int nid = OBJ_obj2nid(digest);
  *subject = {.sha256 = nid == NID_sha256,
              .name_hash = Hex(name),
              .key_hash = Hex(key),
              .serial = revocation::SerialText(serial)};
  return nid == NID_sha256 || nid == NID_sha1;
}

bool AddAnswer(OCSP_BASICRESP* basic, OCSP_CERTID* id, Verdict verdict, const GeneralizedTime& made,
               const GeneralizedTime& until) {
  switch (verdict) {
    case Verdict::kGood:
      return OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, made.value, until.value) != nullptr;
    case Verdict::kRevoked:
      return OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_REVOKED, OCSP_REVOKED_STATUS_NOSTATUS, made.value,
                                    made.value, until.value) != nullptr;
    case Verdict::kUnknown:
      break;
  }
  return OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_UNKNOWN, 0, nullptr, made.value, until.value) != nullptr;
}

/// Null unless it is a request about one to kMostCertificates certificates.
OpensslPtr<OCSP_REQUEST> Decoded(std::string_view der) {
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = begin;
  OpensslPtr<OCSP_REQUEST> request(d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size())));
  const int count = request == nullptr ? 0 : OCSP_request_onereq_count(request.get());
  if (at != begin + der.size() || count < 1 || count > Responder::kMostCertificates) return nullptr;
  return request;
}

}  // namespace

std::vector<revocation::Subject> Responder::SubjectsOf(std::string_view request_der) {
  const auto request = Decoded(request_der);
  std::vector<revocation::Subject> out;
  for (int i = 0; request != nullptr && i < OCSP_request_onereq_count(request.get()); ++i) {
    revocation::Subject subject;
    if (ReadSubject(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i)), &subject))
      out.push_back(std::move(subject));
  }
  ERR_clear_error();
  return out;
}

std::string Responder::Answer(std::string_view request_der, const Judge& judge, absl::Time now) const {
  const auto request = Decoded(request_der);
  if (request == nullptr) return Encoded(OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, nullptr);
  const int count = OCSP_request_onereq_count(request.get());
  const OpensslPtr<OCSP_BASICRESP> basic(OCSP_BASICRESP_new());
  const GeneralizedTime made(now - kMadeBefore);
  const GeneralizedTime until(now + kValidFor);
  for (int i = 0; i < count; ++i) {
    OCSP_CERTID* id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i));
    revocation::Subject subject;
    const Verdict verdict = ReadSubject(id, &subject) ? judge(subject) : Verdict::kUnknown;
    if (!AddAnswer(basic.get(), id, verdict, made, until)) return Encoded(OCSP_RESPONSE_STATUS_INTERNALERROR, nullptr);
  }
  OCSP_copy_nonce(basic.get(), request.get());
  if (OCSP_basic_sign(basic.get(), signer_.certificate.get(), signer_.key.get(), EVP_sha256(), nullptr, 0) != 1) {
    return Encoded(OCSP_RESPONSE_STATUS_INTERNALERROR, nullptr);
  }
  return Encoded(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get());
}

}  // namespace henb::x2sec::ocspd
