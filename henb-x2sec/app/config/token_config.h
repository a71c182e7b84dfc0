// The PKCS#11 token of the configuration, and its PIN.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "common/toml_reader.h"

namespace henb::x2sec::app {

/// Where private keys live when `credentials.vendor_key` is a pkcs11: URI.
struct TokenConfig {
  std::string label;
  std::string module;  ///< Absolute path of its library.
  std::string pin_file = kPlutosPinFile;

  /// pluto reads its PINs there, a line "TOKEN:PIN" each.
  static constexpr const char* kPlutosPinFile = "/etc/ipsec.d/nsspassword";
};

/// The token's label of "pkcs11:token=LABEL" (RFC 7512, percent-encoded where needed); "type=private" may follow.
/// InvalidArgument for anything else: the key is found by its certificate, the PIN has a file.
[[nodiscard]] absl::StatusOr<std::string> ParseTokenUri(std::string_view uri);

/// None where `vendor_key` is no URI.
[[nodiscard]] std::optional<TokenConfig> ReadToken(common::TomlReader* reader, std::string_view vendor_key);

/// The PIN: what follows "LABEL:" in a line, as in pluto's file, else the one line there is. "credential:NAME" is the
/// file NAME of the service manager's $CREDENTIALS_DIRECTORY. PermissionDenied when others may read it; NotFound;
/// InvalidArgument: no PIN in it. No message holds any of it. Any thread.
[[nodiscard]] absl::StatusOr<common::SecretBytes> ReadTokenPin(const TokenConfig& token);

}  // namespace henb::x2sec::app
