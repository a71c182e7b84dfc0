#include "policy/signer_certificate.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/status.h"
#include "policy/oids.h"

namespace henb::policy {
namespace {

using ObjectPtr = std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)>;

ObjectPtr Object(const char* oid) { return {OBJ_txt2obj(oid, /*no_name=*/1), ASN1_OBJECT_free}; }

absl::Status Denied(std::string_view what) {
  return absl::PermissionDeniedError(common::StrCat("the signer's certificate ", what));
}

bool HasConfigurationEku(X509* x509) {
  const std::unique_ptr<EXTENDED_KEY_USAGE, decltype(&EXTENDED_KEY_USAGE_free)> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x509, NID_ext_key_usage, nullptr, nullptr)),
      EXTENDED_KEY_USAGE_free);
  const ObjectPtr wanted = Object(kOidConfigurationSigner);
  for (int i = 0; usages != nullptr && i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    if (OBJ_cmp(sk_ASN1_OBJECT_value(usages.get(), i), wanted.get()) == 0) return true;
  }
  return false;
}

// The DER inside an extension that must be there exactly once.
absl::StatusOr<std::string> ExtensionValue(X509* x509, const char* oid, std::string_view name) {
  const ObjectPtr object = Object(oid);
  const int at = X509_get_ext_by_OBJ(x509, object.get(), -1);
  if (at < 0) return Denied(common::StrCat("has no ", name, " extension"));
  if (X509_get_ext_by_OBJ(x509, object.get(), at) >= 0) return Denied(common::StrCat("has two ", name, " extensions"));
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(x509, at));
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<std::size_t>(ASN1_STRING_length(value)));
}

std::string StringOf(const ASN1_TYPE* type) {
  const ASN1_STRING* text = type->value.asn1_string;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

void FreeTypes(ASN1_SEQUENCE_ANY* types) { sk_ASN1_TYPE_pop_free(types, ASN1_TYPE_free); }

absl::StatusOr<std::vector<IdPattern>> ParseDevices(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  const std::unique_ptr<ASN1_SEQUENCE_ANY, decltype(&FreeTypes)> items(
      d2i_ASN1_SEQUENCE_ANY(nullptr, &at, static_cast<long>(der.size())), FreeTypes);
  if (items == nullptr || at != end || sk_ASN1_TYPE_num(items.get()) == 0) {
    return Denied("has an authorisedDevices extension that is not a SEQUENCE OF strings");
  }
  std::vector<IdPattern> devices;
  for (int i = 0; i < sk_ASN1_TYPE_num(items.get()); ++i) {
    const ASN1_TYPE* item = sk_ASN1_TYPE_value(items.get(), i);
    if (item->type != V_ASN1_UTF8STRING && item->type != V_ASN1_IA5STRING) {
      return Denied("has an authorisedDevices extension with something other than UTF8String or IA5String");
    }
    auto pattern = IdPattern::Parse(StringOf(item));
    if (!pattern.ok()) return Denied(common::StrCat("lists a device wrongly: ", pattern.status().message()));
    devices.push_back(*std::move(pattern));
  }
  return devices;
}

absl::StatusOr<std::string> ParseOperator(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  const std::unique_ptr<ASN1_UTF8STRING, decltype(&ASN1_UTF8STRING_free)> text(
      d2i_ASN1_UTF8STRING(nullptr, &at, static_cast<long>(der.size())), ASN1_UTF8STRING_free);
  if (text == nullptr || at != end || ASN1_STRING_length(text.get()) == 0) {
    return Denied("has an operator extension that is not a UTF8String");
  }
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text.get())),
                     static_cast<std::size_t>(ASN1_STRING_length(text.get())));
}

}  // namespace

absl::StatusOr<SignerAuthority> ReadSignerAuthority(const common::Certificate& certificate) {
  X509* x509 = certificate.get();
  if (!HasConfigurationEku(x509)) {
    return Denied(
        common::StrCat("(", certificate.subject(), ") is not for signing configurations (no configurationSigner EKU)"));
  }
  if ((X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE) == 0) return Denied("does not allow digitalSignature");
  SignerAuthority authority;
  ASSIGN_OR_RETURN(const std::string devices, ExtensionValue(x509, kOidAuthorisedDevices, "authorisedDevices"));
  ASSIGN_OR_RETURN(authority.devices, ParseDevices(devices));
  ASSIGN_OR_RETURN(const std::string op, ExtensionValue(x509, kOidOperator, "operator"));
  ASSIGN_OR_RETURN(authority.operator_name, ParseOperator(op));
  return authority;
}

}  // namespace henb::policy
