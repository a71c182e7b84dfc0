// A PKCS#11 token that private keys are made and kept in (R33). For the sources of this module.
#pragma once

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/nss/nss_handles.h"
#include "henb-x2sec/nss/token_settings.h"

namespace henb::x2sec::nss {

/// Owns the way to one token, which may come and go. A module is loaded once in a process and stays. A PIN that the
/// token has refused is not tried again: a token locks itself after some. One thread at a time; NSS must have been
/// started (NssSession).
class TokenSlot {
 public:
  explicit TokenSlot(TokenSettings settings) : settings_(std::move(settings)) {}

  /// The slot with the token in it, logged in. Borrowed until the next call. FailedPrecondition says what is missing:
  /// the module, the token, the PIN.
  [[nodiscard]] absl::StatusOr<PK11SlotInfo*> Get();

 private:
  [[nodiscard]] absl::Status LogIn();

  TokenSettings settings_;
  NssPtr<PK11SlotInfo> slot_;
  common::SecretBytes refused_pin_;
};

}  // namespace henb::x2sec::nss
