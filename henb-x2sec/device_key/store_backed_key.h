// A key of the device's key store in OpenSSL's clothes: libcrypto and libssl work with it, and never see it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "henb-x2sec/core/ports/key_operations.h"
#include "henb-x2sec/device_key/evp_key.h"

namespace henb::x2sec::device_key {

/// An EC or RSA key that signs (CMP, PKCS#10, TLS), decrypts RSAES-OAEP and derives (CMS) by `store`, which must
/// outlive it. RSAES-PKCS1-v1_5 is refused. What the store refuses fails. NotFound: no such key; InvalidArgument:
/// neither EC nor RSA. Any thread.
[[nodiscard]] absl::StatusOr<EvpKey> MakeStoreBackedKey(core::KeyOperations& store, const std::string& ckaid);

/// The ckaid under which a certificate's key is kept: SHA-1 of the EC point or RSA modulus (a name, not a security
/// property). InvalidArgument for other kinds of key.
[[nodiscard]] absl::StatusOr<std::string> CkaidOf(const common::Certificate& certificate);

}  // namespace henb::x2sec::device_key
