// Which PKCS#11 token, and how it opens.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::nss {

struct TokenSettings {
  std::string module;  ///< Its library, an absolute path.
  std::string label;   ///< Of the token, as pluto's nsspassword file names it.
  /// Asked for when a login is needed, on any thread. Not kept.
  std::function<absl::StatusOr<common::SecretBytes>()> pin;
};

}  // namespace henb::x2sec::nss
