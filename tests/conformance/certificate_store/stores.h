// Every certificate and key store that the suites run on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// A store of some kind, empty, and what keeps it alive.
struct StoreUnderTest {
  std::shared_ptr<void> owner;
  x2sec::core::CertificateStore* certificates = nullptr;
  x2sec::core::DeviceKeyStore* keys = nullptr;
  /// How a key that was made elsewhere comes in, with its certificate; its ckaid. By ImportKey, or, where a store takes
  /// none, as its maker does.
  std::function<absl::StatusOr<std::string>(const TestCredential&)> put;
  bool takes_keys = true;  ///< ImportKey works.
};

struct StoreKind {
  std::string name;
  std::function<StoreUnderTest()> make;
};

/// The fake, an NSS database, and a SoftHSM2 token beside one.
std::vector<StoreKind> AllStores();

}  // namespace henb::tests
