// The vendor key, wherever it is kept.
#pragma once

#include <memory>

#include "common/secret_bytes.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {

/// A private key that signs CMP messages. A key in a PKCS#11 token is one more of these. One thread at a time.
class SigningKey {
 public:
  virtual ~SigningKey() = default;
  /// The key of `certificate`. NotFound; InvalidArgument when the key is not the certificate's.
  [[nodiscard]] virtual absl::StatusOr<EvpKey> For(const common::Certificate& certificate) = 0;
};

/// A key in the device's key store, found by the certificate's ckaid. `store` must outlive it and the keys it hands
/// out.
class StoredSigningKey final : public SigningKey {
 public:
  explicit StoredSigningKey(core::DeviceKeyStore& store) : store_(store) {}
  absl::StatusOr<EvpKey> For(const common::Certificate& certificate) override;

 private:
  core::DeviceKeyStore& store_;
};

/// A key in PEM or PKCS#8 DER, kept in memory.
class EncodedSigningKey final : public SigningKey {
 public:
  explicit EncodedSigningKey(common::SecretBytes encoded) : encoded_(std::move(encoded)) {}
  absl::StatusOr<EvpKey> For(const common::Certificate& certificate) override;

 private:
  common::SecretBytes encoded_;
};

}  // namespace henb::x2sec::enrol
