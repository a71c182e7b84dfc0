#include "common/revocation/certificate_list.h"

#include <openssl/err.h>

#include <algorithm>
#include <iterator>

#include "common/revocation/openssl_ptr.h"
#include "common/status.h"

namespace henb::common {
namespace {

std::string NameOf(const X509_EXTENSION* extension) {
  char text[80];
  OBJ_obj2txt(text, sizeof text, X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(extension)), 0);
  return text;
}

/// Extensions are read one by one: a critical one may change what the whole list means.
absl::Status CheckListExtensions(const X509_CRL* list) {
  for (int i = 0; i < X509_CRL_get_ext_count(list); ++i) {
    const X509_EXTENSION* extension = X509_CRL_get_ext(list, i);
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(extension)));
    if (nid == NID_delta_crl) return absl::InvalidArgumentError("is a delta, which says nothing by itself");
    if (X509_EXTENSION_get_critical(extension) != 0) {
      return absl::InvalidArgumentError(StrCat("has the critical extension ", NameOf(extension)));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadEntries(X509_CRL* list, const ListLimits& limits, std::vector<std::string>* revoked) {
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(list);
  const int count = entries == nullptr ? 0 : sk_X509_REVOKED_num(entries);
  if (static_cast<std::size_t>(count) > limits.most_entries) {
    return absl::ResourceExhaustedError(StrCat("has ", count, " entries, more than ", limits.most_entries));
  }
  revoked->reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    std::string serial = SerialText(X509_REVOKED_get0_serialNumber(entry));
    for (int j = 0; j < X509_REVOKED_get_ext_count(entry); ++j) {
      const X509_EXTENSION* extension = X509_REVOKED_get_ext(entry, j);
      if (X509_EXTENSION_get_critical(extension) == 0) continue;
      return absl::InvalidArgumentError(StrCat("entry ", serial, " has the critical extension ", NameOf(extension)));
    }
    revoked->push_back(std::move(serial));
  }
  std::sort(revoked->begin(), revoked->end());
  revoked->erase(std::unique(revoked->begin(), revoked->end()), revoked->end());
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadNumber(const X509_CRL* list) {
  int critical = 0;
  const OpensslPtr<ASN1_INTEGER> number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, &critical, nullptr)));
  ERR_clear_error();
  if (number == nullptr) return absl::InvalidArgumentError("has no cRLNumber, or several");
  std::string text = SerialText(number.get());
  if (text.starts_with('-') || text.size() > 40) return absl::InvalidArgumentError("has a cRLNumber out of range");
  return text;
}

/// The one of `issuers` with the list's issuer name whose key made the signature.
absl::StatusOr<const Certificate*> FindSigner(X509_CRL* list, const std::vector<Certificate>& issuers) {
  bool named = false;
  bool without_right = false;
  for (const Certificate& issuer : issuers) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer.get())) != 0) continue;
    named = true;
    EVP_PKEY* key = X509_get0_pubkey(issuer.get());
    const bool signed_by_it = key != nullptr && X509_CRL_verify(list, key) == 1;
    ERR_clear_error();
    if (!signed_by_it) continue;
    // UINT32_MAX where the certificate has no key usage.
    if ((X509_get_key_usage(issuer.get()) & KU_CRL_SIGN) != 0 && X509_check_ca(issuer.get()) != 0) return &issuer;
    without_right = true;
  }
  if (without_right) return absl::InvalidArgumentError("its issuer may not sign lists (no cRLSign)");
  if (named) return absl::InvalidArgumentError("its signature does not verify with the issuer's key");
  return absl::NotFoundError("its issuer is none of the known authorities");
}

}  // namespace

bool CertificateList::Revokes(const std::string& serial) const {
  return std::binary_search(revoked.begin(), revoked.end(), serial);
}

absl::StatusOr<CertificateList> VerifyCertificateList(std::string_view der, const std::vector<Certificate>& issuers,
                                                      const ListLimits& limits) {
  if (der.size() > limits.most_octets) {
    return absl::ResourceExhaustedError(StrCat("has more than ", limits.most_octets, " octets"));
  }
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = begin;
  const OpensslPtr<X509_CRL> list(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  if (list == nullptr) return absl::InvalidArgumentError(StrCat("is not a list: ", DrainOpensslErrors()));
  if (at != begin + der.size()) return absl::InvalidArgumentError("is followed by other octets");
  if (X509_CRL_get_version(list.get()) != X509_CRL_VERSION_2) return absl::InvalidArgumentError("is not of version 2");
  if (!SignedWithSha2(X509_CRL_get_signature_nid(list.get()))) {
    return absl::InvalidArgumentError("is not signed with SHA-2");
  }
  ASSIGN_OR_RETURN(const Certificate* signer, FindSigner(list.get(), issuers));
  RETURN_IF_ERROR(CheckListExtensions(list.get()));
  CertificateList out{.issuer = IssuerId::Of(*signer),
                      .issuer_spki = signer->spki(),
                      .issuer_subject = signer->subject(),
                      .this_update = TimeOf(X509_CRL_get0_lastUpdate(list.get()), absl::InfiniteFuture()),
                      .next_update = TimeOf(X509_CRL_get0_nextUpdate(list.get()), absl::InfinitePast()),
                      .number = "",
                      .revoked = {}};
  if (out.next_update == absl::InfinitePast()) return absl::InvalidArgumentError("has no nextUpdate that can be read");
  if (out.this_update > out.next_update) return absl::InvalidArgumentError("has a nextUpdate before its thisUpdate");
  ASSIGN_OR_RETURN(out.number, ReadNumber(list.get()));
  RETURN_IF_ERROR(ReadEntries(list.get(), limits, &out.revoked));
  return out;
}

absl::StatusOr<bool> Supersedes(const CertificateList& fresh, const CertificateList& held) {
  // Hexadecimal without leading zeros: the longer one is the larger one.
  const auto order = [](const std::string& number) { return std::pair(number.size(), number); };
  if (order(fresh.number) < order(held.number)) {
    return absl::FailedPreconditionError(
        StrCat("has the number 0x", fresh.number, ", lower than 0x", held.number, " of the one held"));
  }
  if (fresh.this_update < held.this_update) {
    return absl::FailedPreconditionError("was made before the one held");
  }
  if (fresh.number != held.number) return true;
  if (fresh.this_update == held.this_update && fresh.next_update == held.next_update && fresh.revoked == held.revoked) {
    return false;
  }
  return absl::FailedPreconditionError(StrCat("is another one than that held with the same number 0x", held.number));
}

std::vector<std::string> NewlyRevoked(const CertificateList& fresh, const CertificateList* held) {
  if (held == nullptr) return fresh.revoked;
  std::vector<std::string> out;
  std::set_difference(fresh.revoked.begin(), fresh.revoked.end(), held->revoked.begin(), held->revoked.end(),
                      std::back_inserter(out));
  return out;
}

}  // namespace henb::common
