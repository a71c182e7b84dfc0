// SoftHSM2 tokens for tests: what a TrE or HSM is, in software, behind a real PKCS#11 module.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/nss/token_settings.h"
#include "tests/support/openssl_ptr.h"

namespace henb::tests {

/// An empty token of this process's own, gone with the process. The module reads its list of tokens once, so all there
/// will be are made at the first use; there are enough for the tests of one program.
class SoftToken {
 public:
  static constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
  static constexpr const char* kPin = "4711";

  SoftToken();
  [[nodiscard]] const std::string& label() const { return label_; }
  /// With the right PIN.
  [[nodiscard]] x2sec::nss::TokenSettings Settings() const;
  /// What a factory does: puts a private key in, under the CKA_ID that pluto looks for, or another one.
  void Import(EVP_PKEY* key, std::string id = "") const;
  /// It may decrypt, or agree, as well; softhsm2-util has no word for that. The module must be loaded and logged in.
  void AllowDecrypting(EVP_PKEY* key) const;
  /// Whether the module gives this attribute of a private key away (CKA_VALUE, say). Aborts where there is no such key.
  [[nodiscard]] bool GivesAway(const std::string& ckaid, unsigned long attribute) const;
  /// The token's folder leaves, as a device that is pulled out.
  void TakeAway() const;

 private:
  std::string label_;
  std::string folder_;
};

}  // namespace henb::tests
