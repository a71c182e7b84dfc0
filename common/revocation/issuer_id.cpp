#include "common/revocation/issuer_id.h"

#include <openssl/objects.h>

#include "absl/strings/ascii.h"
#include "common/revocation/openssl_ptr.h"
#include "common/strings.h"

namespace henb::common {
namespace {

std::string HexDigest(const EVP_MD* kind, const unsigned char* data, std::size_t size) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(data, size, digest, &length, kind, nullptr) != 1) return "";
  return ToHex({reinterpret_cast<const char*>(digest), length});
}

}  // namespace

IssuerId IssuerId::Of(const Certificate& issuer) {
  unsigned char* name = nullptr;
  const int name_size = i2d_X509_NAME(X509_get_subject_name(issuer.get()), &name);
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(issuer.get());
  const auto key_size = static_cast<std::size_t>(ASN1_STRING_length(key));
  const unsigned char* key_data = ASN1_STRING_get0_data(key);
  const auto size = static_cast<std::size_t>(name_size < 0 ? 0 : name_size);
  IssuerId out{.name_sha1 = HexDigest(EVP_sha1(), name, size),
               .key_sha1 = HexDigest(EVP_sha1(), key_data, key_size),
               .name_sha256 = HexDigest(EVP_sha256(), name, size),
               .key_sha256 = HexDigest(EVP_sha256(), key_data, key_size)};
  OPENSSL_free(name);
  return out;
}

std::string SerialText(const ASN1_INTEGER* serial) {
  const OpensslPtr<BIGNUM> number(ASN1_INTEGER_to_BN(serial, nullptr));
  char* hex = number == nullptr ? nullptr : BN_bn2hex(number.get());
  std::string text = absl::AsciiStrToLower(hex == nullptr ? "" : hex);
  OPENSSL_free(hex);
  const bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
  return StrCat(negative ? "-" : "", text.empty() ? "0" : text);
}

std::string SerialOf(const Certificate& certificate) { return SerialText(X509_get0_serialNumber(certificate.get())); }

absl::Time TimeOf(const ASN1_TIME* time, absl::Time unreadable) {
  tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return unreadable;
  return absl::FromTM(parts, absl::UTCTimeZone());
}

bool SignedWithSha2(int nid) {
  int digest = NID_undef;
  if (OBJ_find_sigid_algs(nid, &digest, nullptr) != 1) return false;
  return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

}  // namespace henb::common
