// Where a key lies in a token, as a PKCS #11 URI (RFC 7512).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace henb::keydist::pkcs11 {

/// What names one AES key, the module that reaches it and the file of its PIN. Empty: any.
struct Pkcs11Uri {
  std::string token;         ///< Label.
  std::string serial;        ///< Of the token.
  std::string manufacturer;  ///< Of the token.
  std::string model;         ///< Of the token.
  std::string object;        ///< Label of the key.
  std::string id;            ///< Octets of the key's CKA_ID.
  std::string module_path;
  std::string pin_file;
  /// As people say it: token "keydist", key "kek".
  [[nodiscard]] std::string Text() const;
};

/// "pkcs11:token=keydist;object=kek?module-path=/usr/lib/…/module.so&pin-source=file:/etc/…/pin". Needed: token or
/// serial, object or id, module-path, pin-source. InvalidArgument: one of them is missing, an attribute is not known
/// or twice there, a PIN stands in it (`pin-value`), or it is not such a URI. Never says what a pin-value was.
[[nodiscard]] absl::StatusOr<Pkcs11Uri> ParsePkcs11Uri(std::string_view text);

[[nodiscard]] bool IsPkcs11Uri(std::string_view text);

}  // namespace henb::keydist::pkcs11
