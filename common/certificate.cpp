#include "common/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "absl/strings/ascii.h"
#include "common/status.h"

namespace henb::common {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::string NameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_SEP_CPLUS_SPC & ~XN_FLAG_DN_REV);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// `unreadable` is the answer that makes the certificate invalid.
absl::Time FromAsn1(const ASN1_TIME* time, absl::Time unreadable) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return unreadable;
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<Certificate> Certificate::FromDer(std::string_view der) {
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = begin;
  X509* x509 = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
  if (x509 == nullptr) return absl::InvalidArgumentError(StrCat("not a certificate: ", DrainOpensslErrors()));
  Certificate out(std::shared_ptr<X509>(x509, X509_free));
  if (at != begin + der.size()) return absl::InvalidArgumentError("octets follow the certificate");
  return out;
}

absl::StatusOr<Certificate> Certificate::FromPem(std::string_view pem) {
  ASSIGN_OR_RETURN(std::vector<Certificate> chain, ChainFromPem(pem));
  return chain.front();
}

absl::StatusOr<std::vector<Certificate>> Certificate::ChainFromPem(std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  std::vector<Certificate> out;
  while (X509* x509 = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.push_back(Certificate(std::shared_ptr<X509>(x509, X509_free)));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string errors = DrainOpensslErrors();
  if (!at_end) return absl::InvalidArgumentError(StrCat("PEM certificate ", out.size() + 1, " is broken: ", errors));
  if (out.empty()) return absl::InvalidArgumentError(StrCat("no PEM certificate: ", errors));
  return out;
}

Certificate Certificate::FromX509(X509* x509) {
  X509_up_ref(x509);
  return Certificate(std::shared_ptr<X509>(x509, X509_free));
}

absl::StatusOr<HenbId> Certificate::Identity() const {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(get(), NID_subject_alt_name, nullptr, nullptr)), GENERAL_NAMES_free);
  std::vector<std::string> dns_names;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    dns_names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                           static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  if (dns_names.size() != 1) {
    return absl::InvalidArgumentError(
        StrCat("certificate ", subject(), " has ", dns_names.size(), " dNSNames in its SAN, not exactly one"));
  }
  return HenbId::Parse(dns_names.front());
}

SpkiHash Certificate::spki() const {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(get()), &der);
  const SpkiHash hash = SpkiHash::Of({reinterpret_cast<char*>(der), static_cast<std::size_t>(size < 0 ? 0 : size)});
  OPENSSL_free(der);
  return hash;
}

std::string Certificate::subject() const { return NameText(X509_get_subject_name(get())); }
std::string Certificate::issuer() const { return NameText(X509_get_issuer_name(get())); }

std::string Certificate::serial_hex() const {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(get()), nullptr),
                                                           BN_free);
  char* hex = BN_bn2hex(number.get());
  std::string out = absl::AsciiStrToLower(hex == nullptr ? "" : hex);
  OPENSSL_free(hex);
  return out;
}

absl::Time Certificate::not_before() const { return FromAsn1(X509_get0_notBefore(get()), absl::InfiniteFuture()); }
absl::Time Certificate::not_after() const { return FromAsn1(X509_get0_notAfter(get()), absl::InfinitePast()); }

bool Certificate::is_self_issued() const {
  return X509_NAME_cmp(X509_get_subject_name(get()), X509_get_issuer_name(get())) == 0;
}

std::string Certificate::der() const {
  unsigned char* der = nullptr;
  const int size = i2d_X509(get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size < 0 ? 0 : size));
  OPENSSL_free(der);
  return out;
}

std::string Certificate::pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(bio.get(), get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string DrainOpensslErrors() {
  std::string out;
  while (const unsigned long code = ERR_get_error()) {
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    StrAppend(&out, out.empty() ? "" : "; ", text);
  }
  return out.empty() ? "no detail" : out;
}

}  // namespace henb::common
