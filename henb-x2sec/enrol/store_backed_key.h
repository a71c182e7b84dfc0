// A key of the device's key store in OpenSSL's clothes: libcrypto signs with it, and never sees it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {

/// An EC or RSA key whose signatures come from `store`, which must outlive it. Signing fails where the store fails.
/// NotFound: no such key; InvalidArgument: neither EC nor RSA. Any thread.
[[nodiscard]] absl::StatusOr<EvpKey> MakeStoreBackedKey(core::DeviceKeyStore& store, const std::string& ckaid);

/// The ckaid under which a certificate's key is kept: SHA-1 of the EC point or RSA modulus (a name, not a security
/// property). InvalidArgument for other kinds of key.
[[nodiscard]] absl::StatusOr<std::string> CkaidOf(const common::Certificate& certificate);

}  // namespace henb::x2sec::enrol
