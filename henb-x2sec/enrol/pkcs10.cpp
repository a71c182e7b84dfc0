#include "henb-x2sec/enrol/pkcs10.h"

#include <algorithm>
#include <array>

#include "common/status.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/pki_message.h"

namespace henb::x2sec::enrol {
namespace {

using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), void (*)(STACK_OF(X509_EXTENSION)*)>;
using RequestPtr = std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)>;

constexpr std::array<std::string_view, 3> kCurves = {"prime256v1", "secp384r1", "secp521r1"};

void FreeExtensions(STACK_OF(X509_EXTENSION) * extensions) {
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

absl::Status Broken(std::string_view what) {
  const std::string detail = common::DrainOpensslErrors();
  return absl::InvalidArgumentError(common::StrCat(what, ": ", detail));
}

/// Looked at before anything is computed with the key.
absl::Status CheckKey(EVP_PKEY* key) {
  if (key == nullptr) return Broken("its key can't be read");
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    char group[64] = "";
    std::size_t size = 0;
    const bool named = EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1;
    if (named && std::find(kCurves.begin(), kCurves.end(), std::string_view(group)) != kCurves.end())
      return absl::OkStatus();
  } else if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits >= 2048 && bits <= 4096) return absl::OkStatus();
  }
  (void)common::DrainOpensslErrors();
  return absl::InvalidArgumentError("its key is neither EC on P-256, P-384 or P-521 nor RSA of 2048 to 4096 bits");
}

absl::StatusOr<common::HenbId> IdentityOf(X509_REQ* request) {
  if (X509_REQ_get_attr_count(request) != 1) return absl::InvalidArgumentError("it has not exactly one attribute");
  const ExtensionsPtr extensions(X509_REQ_get_extensions(request), FreeExtensions);
  if (extensions == nullptr || sk_X509_EXTENSION_num(extensions.get()) != 1)
    return absl::InvalidArgumentError("it asks for other extensions than one subjectAltName");
  const OpensslPtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return Broken("it asks for other extensions than one subjectAltName");
  const GENERAL_NAME* name = sk_GENERAL_NAME_num(names.get()) == 1 ? sk_GENERAL_NAME_value(names.get(), 0) : nullptr;
  if (name == nullptr || name->type != GEN_DNS) return absl::InvalidArgumentError("its SAN is not one dNSName");
  const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
  ASSIGN_OR_RETURN_CTX(common::HenbId identity,
                       common::HenbId::Parse({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}),
                       "its dNSName");
  return identity;
}

bool AddName(X509_REQ* request, const common::HenbId& identity) {
  const OpensslPtr<GENERAL_NAMES> names(sk_GENERAL_NAME_new_null());
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, identity.str().data(), static_cast<int>(identity.str().size()));
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  sk_GENERAL_NAME_push(names.get(), name);
  STACK_OF(X509_EXTENSION)* made = nullptr;
  const bool encoded = X509V3_add1_i2d(&made, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
  const ExtensionsPtr extensions(made, FreeExtensions);
  return encoded && X509_REQ_add_extensions(request, extensions.get()) == 1;
}

}  // namespace

std::string Pkcs10::id() const { return common::Sha256Digest::Of(der).ToHex(); }

absl::StatusOr<std::string> MakePkcs10(const common::HenbId& identity, const EvpKey& key) {
  ASSIGN_OR_RETURN(const OpensslPtr<X509_NAME> subject, SubjectFor(identity));
  const RequestPtr request(X509_REQ_new(), X509_REQ_free);
  const bool signed_now = X509_REQ_set_version(request.get(), 0) == 1 &&
                          X509_REQ_set_subject_name(request.get(), subject.get()) == 1 &&
                          X509_REQ_set_pubkey(request.get(), key.get()) == 1 && AddName(request.get(), identity) &&
                          X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0;
  unsigned char* der = nullptr;
  const int size = signed_now ? i2d_X509_REQ(request.get(), &der) : -1;
  if (size <= 0) return absl::InternalError(common::StrCat("signing the PKCS#10: ", common::DrainOpensslErrors()));
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<Pkcs10> ParsePkcs10(std::string_view der) {
  if (der.size() > Pkcs10::kMostOctets) {
    return absl::InvalidArgumentError(common::StrCat("it has more than ", Pkcs10::kMostOctets, " octets"));
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  const std::shared_ptr<X509_REQ> request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())), X509_REQ_free);
  if (request == nullptr) return Broken("it is no PKCS#10");
  if (at != end) return absl::InvalidArgumentError("octets follow the PKCS#10");
  if (X509_REQ_get_version(request.get()) != 0) return absl::InvalidArgumentError("its version is not 1");
  const EvpKey key(X509_REQ_get_pubkey(request.get()), EVP_PKEY_free);
  RETURN_IF_ERROR(CheckKey(key.get()));
  if (!IsStrongSignature(X509_REQ_get_signature_nid(request.get())))
    return absl::InvalidArgumentError("it is not signed with SHA-2");
  if (X509_REQ_verify(request.get(), key.get()) != 1) return Broken("its signature is not by its key");
  ASSIGN_OR_RETURN(const common::HenbId identity, IdentityOf(request.get()));
  ASSIGN_OR_RETURN(const OpensslPtr<X509_NAME> subject, SubjectFor(identity));
  if (X509_NAME_cmp(X509_REQ_get_subject_name(request.get()), subject.get()) != 0)
    return absl::InvalidArgumentError("its subject is not the one that belongs to its dNSName");
  unsigned char* spki = nullptr;
  const int spki_size = i2d_PUBKEY(key.get(), &spki);
  if (spki_size <= 0) return Broken("its key can't be encoded");
  const auto hash = common::Sha256Digest::Of({reinterpret_cast<char*>(spki), static_cast<std::size_t>(spki_size)});
  OPENSSL_free(spki);
  return Pkcs10{std::string(der), identity, hash, request, key};
}

}  // namespace henb::x2sec::enrol
